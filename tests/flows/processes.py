"""Processes of a house, so that they can be killed by their number, and waiting for what only files and processes tell."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from uuid import UUID

import psutil

from cli import record
from cli.home import House


def process_of(run_id: UUID) -> psutil.Process:
    """The process that runs the flow."""
    for process in psutil.process_iter():
        try:
            if process.environ().get("PREFECT__FLOW_RUN_ID") == str(run_id) and "prefect.engine" in process.cmdline():
                return process
        except (psutil.Error, OSError):
            continue
    raise AssertionError(f"no process runs {run_id}")


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
