"""Digest: is it delivered to this place, once? On file before and after; Prefect repeats what was not taken."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import Task

from blocks.ledger import open_ledger
from midwatch.errors import MidwatchError
from midwatch.ledger import Ledger
from midwatch.ledger.digests import Place
from tasks.digest.channels import Channel, Refused, opened
from tasks.digest.letter import Letter
from tasks.harness.place import place as here

PAUSES: Final = (10.0, 60.0, 300.0)
"""Seconds before each further try."""


class InDoubt(MidwatchError):
    """A try was cut off, and nobody can tell whether it arrived: it is not tried again."""


async def deliver(ledger: Ledger, letter: Letter, place: Place, channel: Channel) -> str:
    """Deliver it unless it is there; a few words on what was done.

    Raises:
        Refused: it was not taken. InDoubt: nobody knows. Anything else: nobody knows yet, and the next try finds out.
    """
    match await ledger.claim_delivery(letter.digest_id, place):
        case "taken":
            return f"{place}: was there already"
        case "in_doubt":
            arrived = await channel.arrived(letter)
            if arrived is None:
                raise InDoubt(
                    f"{place}: a try was cut off, and may have arrived; `midwatch digest` shows it here, and the "
                    "deployment's run with `again` sends all of it once more"
                )
            if arrived:
                await ledger.delivery_taken(letter.digest_id, place, place)
                return f"{place}: was there already"
        case "yours":
            pass
    try:
        taken_by = await channel.send(letter)
    except Refused as error:
        await ledger.delivery_refused(letter.digest_id, place, str(error))
        raise
    await ledger.delivery_taken(letter.digest_id, place, taken_by)
    return f"{place}: {taken_by}"


async def _worth_it(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
    """Whether another try may end otherwise."""
    return not isinstance(await state.aresult(raise_on_failure=False), InDoubt)


@task(
    name="digest · deliver",
    task_run_name="digest · {place}",
    retries=len(PAUSES),
    retry_delay_seconds=list(PAUSES),
    retry_condition_fn=_worth_it,
    cache_policy=NO_CACHE,
    persist_result=False,
)
async def delivered(letter: Letter, place: Place, names: Sequence[str]) -> str:
    """`deliver`, with a ledger and a channel of its own in each try."""
    async with await open_ledger(here().home) as ledger, opened(place, names) as channel:
        return await deliver(ledger, letter, place, channel)
