"""The house: who looks after runs that nobody else does? Run as `python -m cli.keeper`, one a house.

Every few seconds it goes through its duties. Everything here may be done twice, or late, without harm, and a duty that
fails keeps none of the others waiting. What waits for a person costs nothing: the ledger says, in one query, which runs
there is something to do for, and Prefect is asked about those alone.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final

from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectHTTPStatusError

from blocks.ledger import open_ledger
from cli.beat import beat
from cli.cancel_duty import CancelDuty
from cli.duty import Duty, Rounds
from cli.ping import ping_of, pinging
from cli.service import pause, say, told_to_stop
from cli.slot_duty import keep_slots
from cli.stall_duty import StallDuty
from cli.watches import BreakerWatch, SilenceWatch
from midwatch.errors import LedgerError
from tasks.harness.halting import let_go_of_ended
from tasks.harness.parking import send_on
from tasks.harness.place import Place, place
from tasks.harness.revive import revive_lost_runs, suspended_runs
from tasks.permissions.answers import expire, resume_if_decided

ROUND_SECONDS: Final = 3.0


async def revive(rounds: Rounds, now: datetime) -> list[str]:
    """Runs that lost their process go on."""
    found = await revive_lost_runs(rounds.client, rounds.ledger, rounds.here.locks, now)
    return [f"{one.action}: {one.agent} {one.run_id}, was {one.was}, time {one.count}" for one in found]


async def deny_overdue(rounds: Rounds, now: datetime) -> list[str]:
    """Asks whose deadline has passed are denied."""
    rows = await rounds.ledger.overdue_asks(now)
    for row in rows:
        await expire(rounds.ledger, row)
    return [f"expired: {row.tool} of {row.agent}, ask {row.ask_id}" for row in rows]


async def try_parked(rounds: Rounds, now: datetime) -> list[str]:
    """Runs that were parked try again, when their time has come."""
    parked = await rounds.ledger.parked_asks()
    sent = [row for row in parked if await send_on(rounds.ledger, row, now)]
    return [f"tries again: {row.agent} {row.run_id}, it was parked" for row in sent]


async def resume_decided(rounds: Rounds, _now: datetime) -> list[str]:
    """Suspended runs of which nothing waits any more are resumed."""
    done = []
    for run_id in await suspended_runs(rounds.client, await rounds.ledger.decided_runs()):
        try:
            if await resume_if_decided(rounds.client, rounds.ledger, run_id):
                done.append(f"resumed: {run_id}, all its asks are decided")
        except (LedgerError, PrefectHTTPStatusError) as error:
            done.append(f"not resumed: {run_id}: {error}")  # the next one is not to wait for this one
    return done


async def let_go(rounds: Rounds, _now: datetime) -> list[str]:
    """Halts of single runs are over with them."""
    return [f"let go: run {run_id} has ended" for run_id in await let_go_of_ended(rounds.here.home, rounds.ledger)]


OF_RUNS: Final[tuple[Duty, ...]] = (revive, deny_overdue, try_parked, resume_decided, let_go)
"""What single runs need."""


def duties() -> tuple[Duty, ...]:
    """All of them, in their order; those that remember when they last looked have not looked yet."""
    return (*OF_RUNS, keep_slots, BreakerWatch(), SilenceWatch(), StallDuty(), CancelDuty())


async def one_round(duties: Sequence[Duty], rounds: Rounds, now: datetime) -> list[str]:
    """Look at everything once; returns what was done, a line each."""
    done: list[str] = []
    rounds.failing.clear()
    for duty in duties:
        try:
            done += await duty(rounds, now)
        except Exception:
            rounds.failing.append(getattr(duty, "__name__", type(duty).__name__))
            traceback.print_exc()
    return done


async def keep(here: Place, stop: asyncio.Event) -> None:
    """Rounds until `stop`."""
    async with await open_ledger(here.home) as ledger, get_client() as client:
        await ledger.migrate()
        every, rounds = duties(), Rounds(client=client, ledger=ledger, here=here)
        while not stop.is_set():
            for line in await one_round(every, rounds, datetime.now(UTC)):
                say(line)
            beat(here.home, "keeper", rounds.failing)
            await pause(stop, ROUND_SECONDS)


async def _main() -> None:
    here = place(os.environ)
    with pinging(lambda: ping_of(here, os.environ)):
        await keep(here, told_to_stop())


if __name__ == "__main__":
    asyncio.run(_main())
