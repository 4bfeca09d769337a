"""Harness: is a process of this run alive? One lock a run, held by its process and let go by the kernel when it dies.

Prefect may report a crash twice, or late, so that the same run is started while its process still works. The second
process waits here, and then finds everything done. Whoever wants to revive a run asks here first. A process takes its
lock some time after it was started; until then only the number tells that Prefect's worker has noted of it.
"""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import IO, Final

import psutil

POLL_SECONDS: Final = 0.5


@asynccontextmanager
async def only_process_of(run_id: str, locks: Path) -> AsyncGenerator[None]:
    """Hold the lock of `run_id`; wait while another process of the same run has it."""
    locks.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (locks / f"{run_id}.lock").open("a") as file:
        while not _taken(file):  # noqa: ASYNC110  # the kernel tells nobody when a lock is free
            await asyncio.sleep(POLL_SECONDS)
        yield


def is_alive(run_id: str, locks: Path) -> bool:
    """Whether some process holds the lock of `run_id` on this machine."""
    path = locks / f"{run_id}.lock"
    if not path.exists():
        return False
    with path.open("a") as file:
        return not _taken(file)


def was_started(pid: str | None, run_id: str) -> bool:
    """Whether the process that a worker of this machine started for `run_id`, and noted as `pid`, is still there.

    Numbers are given out again, so the process itself is asked for whom it works.
    """
    try:
        return psutil.Process(int(pid or "")).environ().get("PREFECT__FLOW_RUN_ID") == run_id
    except (ValueError, psutil.Error):
        return False


def processes_of(run_id: str) -> list[psutil.Process]:
    """The process that works on `run_id` on this machine, and what it started."""
    return [process for process in psutil.process_iter() if was_started(str(process.pid), run_id)]


def _taken(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
