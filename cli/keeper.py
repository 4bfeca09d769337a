"""The house: who looks after runs that nobody else does? Run as `python -m cli.keeper`, one a house.

Every few seconds it goes through its duties. Everything here may be done twice, or late, without harm, and a duty that
fails keeps none of the others waiting. What waits for a person costs nothing: the ledger says, in one query, which runs
there is something to do for, and Prefect is asked about those alone.
"""

from __future__ import annotations

import asyncio
import os
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError

from blocks.ledger import open_ledger
from cli.service import pause, say, told_to_stop
from cli.slot_duty import keep_slots
from cli.stall_duty import StallDuty
from cli.watches import BreakerWatch, Ping, SilenceWatch, beat
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from tasks.harness.parking import send_on
from tasks.harness.place import Place, place
from tasks.harness.revive import revive_lost_runs, suspended_runs
from tasks.permissions.answers import expire, resume_if_decided

ROUND_SECONDS: Final = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What a duty works with."""

    client: PrefectClient
    ledger: Ledger
    here: Place
    watches: Sequence[Duty] = ()
    """Duties that remember when they last looked."""
    failing: list[str] = field(default_factory=list)
    """Names of the duties that failed in the last round."""


Duty = Callable[[Rounds, datetime], Awaitable[list[str]]]
"""Looks once; returns what was done, a line each."""


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


DUTIES: Final[tuple[Duty, ...]] = (revive, deny_overdue, try_parked, resume_decided)


async def one_round(rounds: Rounds, now: datetime) -> list[str]:
    """Look at everything once; returns what was done, a line each."""
    done: list[str] = []
    rounds.failing.clear()
    for duty in (*DUTIES, *rounds.watches):
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
        watches = (keep_slots, BreakerWatch(), SilenceWatch(), StallDuty(), Ping())
        rounds = Rounds(client=client, ledger=ledger, here=here, watches=watches)
        while not stop.is_set():
            for line in await one_round(rounds, datetime.now(UTC)):
                say(line)
            beat(here, rounds.failing)
            await pause(stop, ROUND_SECONDS)


async def _main() -> None:
    await keep(place(os.environ), told_to_stop())


if __name__ == "__main__":
    asyncio.run(_main())
