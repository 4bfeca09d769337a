"""Processes of a house, so that they can be killed by their number, and waiting for what only files and processes tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from uuid import UUID

import psutil

from cli import record
from cli.home import House
from tasks.harness.lock import is_alive


def process_of(run_id: UUID) -> psutil.Process:
    """The process that runs the flow."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("PREFECT__FLOW_RUN_ID") == str(run_id) and "prefect.engine" in process.cmdline():
                return process
        except (psutil.Error, OSError):
            continue
    raise AssertionError(f"no process runs {run_id}")


async def killed(house: House, run_id: UUID) -> None:
    """kill -9, and nobody works on the run any more: what it was started by may be a moment ahead of it."""
    process_of(run_id).kill()
    await nobody_runs(house, run_id)


async def nobody_runs(house: House, run_id: UUID) -> None:
    """Until the process of the run is gone; the keeper leaves the run alone for a while then."""
    await there(lambda: not is_alive(str(run_id), house.home / "locks"))


def child_of(house: House, name: str) -> psutil.Process | None:
    """The house's server, keeper or worker; None while it is being started again."""
    state = record.read(house.record)
    child = state.children.get(name) if state else None
    return child.process() if child else None


async def there(condition: Callable[[], bool], seconds: float = 120) -> None:
    """Wait until `condition` holds; fails when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never got there"
        await asyncio.sleep(0.1)
