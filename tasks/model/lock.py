"""Model: who is doing it already? One lock file for what only one process at a time may do."""

from __future__ import annotations

import asyncio
import fcntl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from midwatch.errors import ModelUnavailable


@asynccontextmanager
async def file_lock(path: Path, timeout_seconds: float, doing: str) -> AsyncIterator[None]:
    """Hold `path`'s lock; it ends with the process. Raises `ModelUnavailable` when another one keeps it too long."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as lock:
        deadline = asyncio.get_running_loop().time() + timeout_seconds
        while not _taken(lock.fileno()):
            if asyncio.get_running_loop().time() > deadline:
                raise ModelUnavailable(
                    f"another process {doing} since {timeout_seconds:.0f} s ({path}): wait or end it"
                )
            await asyncio.sleep(0.1)
        yield


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
