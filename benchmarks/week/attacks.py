"""A week alone: what is done to a run from outside? To its process, its disk, its ledger, and to what its tools write to."""

from __future__ import annotations

import asyncio
import resource
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import UUID

from benchmarks.week.faults import Fault
from benchmarks.week.life import born, lived
from benchmarks.week.thinker import Stop, Thinker

LOCKED_SECONDS: Final = 2.0
SECONDS: Final = 120.0


async def attacked(
    run_id: UUID, fault: Fault, thinker: Thinker, environment: Mapping[str, str], home: Path, log: Path
) -> None:
    """A life that is hit while it waits for its model. One that never asks any goes its way."""
    stop = thinker.stop = Stop(at=1)
    process = None if fault == "ledger_locked" else await born(run_id, environment, log)
    life = asyncio.create_task(lived(run_id) if process is None else _over(process))
    reached = asyncio.create_task(asyncio.to_thread(stop.reached.wait, SECONDS))
    await asyncio.wait((life, reached), return_when=asyncio.FIRST_COMPLETED)
    try:
        if not life.done():
            if process is None:
                await _lock(home / "ledger.db", stop)
            elif fault == "killed":
                process.kill()
            else:
                resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    finally:
        stop.reached.set()
        stop.go.set()
        await reached
        await life


async def _over(process: asyncio.subprocess.Process) -> None:
    try:
        await asyncio.wait_for(process.wait(), SECONDS)
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _lock(ledger: Path, stop: Stop) -> None:
    """Another writer, in the middle of its transaction."""
    with closing(sqlite3.connect(ledger, isolation_level=None, timeout=10)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        stop.go.set()
        await asyncio.sleep(LOCKED_SECONDS)
        connection.rollback()


@contextmanager
def in_the_way(target: Path, *, folder: bool) -> Iterator[None]:
    """Nothing can be written to `target`: a folder stands where a file is to be, or a file where a folder is."""
    aside = target.with_name(f"{target.name}.aside")
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        target.rename(aside)
    if folder:
        target.mkdir()
    else:
        target.touch()
    try:
        yield
    finally:
        if folder:
            target.rmdir()
        else:
            target.unlink()
        if aside.exists():
            aside.rename(target)
