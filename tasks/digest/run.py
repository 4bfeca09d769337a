"""Digest: the body of its flow. One digest a person and day; whoever has it already is not sent it again."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import State, StateType
from prefect.logging import get_run_logger

from blocks.ledger import open_ledger
from midwatch.digest import digest_of
from midwatch.ledger import Ledger
from midwatch.ledger.digests import Place as Where
from tasks.digest.delivery import delivered
from tasks.digest.facts import gather
from tasks.digest.letter import Letter
from tasks.digest.links import links_of
from tasks.digest.people import Reader, readers
from tasks.harness.place import Place, place

Route = tuple[Where, tuple[str, ...]]
"""A place, and the blocks by which it is reached."""


async def send_digests(again: bool) -> State[Any]:
    """Everybody's digest of today, to each place that does not have it yet. Failed where one could not be delivered."""
    here = place(os.environ)
    async with await open_ledger(here.home) as ledger:
        await ledger.migrate()
        letters = [(await letter_for(ledger, here, reader, again), reader) for reader in await readers()]
    told = await asyncio.gather(*(_sent(letter, reader) for letter, reader in letters))
    done = [line for lines, _ in told for line in lines]
    faults = [line for _, lines in told for line in lines]
    message = "; ".join([*faults, *done])
    if faults:
        return State(type=StateType.FAILED, name="Not delivered", message=message)
    return State(type=StateType.COMPLETED, message=message)


async def letter_for(ledger: Ledger, here: Place, reader: Reader, again: bool) -> Letter:
    """What this reader is sent: the same while of the same day, however often it is made."""
    row = await ledger.begin_digest(reader.name, datetime.now(UTC).astimezone(reader.zone).date(), again=again)
    answers = reader.answers_for
    facts = await gather(ledger, here, row.since, row.until, reader.zone, person=reader.name, answers_for=answers)
    return Letter(digest_id=row.digest_id, digest=digest_of(facts), links=links_of(here.home))


def routes(reader: Reader, environ: Mapping[str, str] = os.environ) -> Sequence[Route]:
    """The house's digest goes where everybody looks, a person's to their own channels."""
    if reader.name:
        return [("channels", reader.channels)]
    slack = environ.get("MIDWATCH_SLACK")
    ways: list[Route] = [("artifact", ())]
    return [*ways, ("slack", (slack,))] if slack else ways


async def _sent(letter: Letter, reader: Reader) -> tuple[list[str], list[str]]:
    """What was done, and what could not be, a line each. No place waits for another."""
    whose = f"{reader.name}, " if reader.name else ""
    ways = routes(reader)
    results = await asyncio.gather(*(delivered(letter, *way) for way in ways), return_exceptions=True)
    done, faults = [], []
    for (where, _), result in zip(ways, results, strict=True):
        if isinstance(result, BaseException):
            faults.append(f"{whose}{where}: {result}")
            get_run_logger().error("Not delivered: %s", faults[-1])
        else:
            done.append(f"{whose}{result}")
    return done, faults
