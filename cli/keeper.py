"""The house: who looks after runs that nobody else does? Run as `python -m cli.keeper`, one a house.

Every few seconds: runs that lost their process go on, asks whose deadline has passed are denied, and suspended runs of
which nothing waits any more are resumed. Everything here may be done twice, or late, without harm. What waits for a person
costs nothing: the ledger says, in one query, which runs there is something to do for, and Prefect is asked about those alone.
"""

from __future__ import annotations

import asyncio
import os
import signal
import traceback
from datetime import UTC, datetime
from typing import Final

from prefect.client.orchestration import PrefectClient, get_client
from prefect.exceptions import PrefectHTTPStatusError

from blocks.ledger import open_ledger
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from tasks.harness.parking import send_on
from tasks.harness.place import Place, place
from tasks.harness.revive import revive_lost_runs, suspended_runs
from tasks.permissions.answers import expire, resume_if_decided

ROUND_SECONDS: Final = 3.0


async def one_round(client: PrefectClient, ledger: Ledger, here: Place, now: datetime) -> list[str]:
    """Look at everything once; returns what was done, a line each."""
    done = [
        f"{revival.action}: {revival.agent} {revival.run_id}, was {revival.was}, time {revival.count}"
        for revival in await revive_lost_runs(client, ledger, here.locks, now)
    ]
    for row in await ledger.overdue_asks(now):
        await expire(ledger, row)
        done.append(f"expired: {row.tool} of {row.agent}, ask {row.ask_id}")
    for row in await ledger.parked_asks():
        if await send_on(ledger, row, now):
            done.append(f"tries again: {row.agent} {row.run_id}, it was parked")
    for run_id in await suspended_runs(client, await ledger.decided_runs()):
        try:
            if await resume_if_decided(client, ledger, run_id):
                done.append(f"resumed: {run_id}, all its asks are decided")
        except (LedgerError, PrefectHTTPStatusError) as error:
            done.append(f"not resumed: {run_id}: {error}")  # the next one is not to wait for this one
    return done


async def keep(here: Place, stop: asyncio.Event) -> None:
    """Rounds until `stop`. A round that fails is reported and followed by the next."""
    async with await open_ledger(here.home) as ledger, get_client() as client:
        await ledger.migrate()
        while not stop.is_set():
            try:
                for line in await one_round(client, ledger, here, datetime.now(UTC)):
                    print(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S} {line}", flush=True)
            except Exception:
                traceback.print_exc()
            await _pause(stop)


async def _pause(stop: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(ROUND_SECONDS):
            await stop.wait()
    except TimeoutError:
        return


async def _main() -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await keep(place(os.environ), stop)


if __name__ == "__main__":
    asyncio.run(_main())
