"""Chaos: who makes the runs? A few processes with one thread each, warm, so that a life costs a fork and no imports.

What a worker imports takes seconds, so the process that plans and counts leaves it to them.
"""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import random
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from pathlib import Path

from benchmarks.chaos_run.scenario import SCENARIOS
from benchmarks.chaos_run.trial import Trial, Verdict


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes that make the runs, each at the other end of a line."""

    lines: list[Connection]

    def verdicts(self, trials: Iterable[Trial]) -> Iterator[Verdict]:
        """What came of each, as soon as it is known. A worker that dies is an EOFError."""
        ahead, busy = iter(trials), list[Connection]()
        for line, trial in zip(self.lines, ahead, strict=False):
            line.send(trial)
            busy.append(line)
        while busy:
            for line in [one for one in wait(busy) if isinstance(one, Connection)]:
                yield line.recv()
                if (another := next(ahead, None)) is None:
                    busy.remove(line)
                else:
                    line.send(another)


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """`count` of them. Started afresh, not forked: whoever starts them may have threads. They end with their line."""
    spawn = multiprocessing.get_context("spawn")
    lines, processes = [], []
    for _ in range(count):
        line, its_end = spawn.Pipe()
        process = spawn.Process(target=_work, args=(its_end,))
        process.start()
        its_end.close()
        lines.append(line)
        processes.append(process)
    try:
        yield Workers(lines)
    finally:
        for line in lines:
            line.close()
        for process in processes:
            process.join()


def _work(line: Connection) -> None:
    """One worker, until nobody is at the other end."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder, suppress(EOFError, KeyboardInterrupt, ConnectionError):
        template = warm(Path(folder))
        from benchmarks.chaos_run.lives import tried

        while True:
            line.send(tried(line.recv(), template, Path(folder)))


def warm(folder: Path) -> Path:
    """Live one life in this process itself: what is imported, compiled and cached by it is there in every fork.

    Returns:
        the ledger that a run begins with.
    """
    from benchmarks.chaos_run.boundary import Fuse
    from benchmarks.chaos_run.life import Suspended, lived_here
    from benchmarks.chaos_run.stage import Stage, migrated

    template = folder / "ledger.db"
    asyncio.run(migrated(template))
    stage = Stage(folder=folder / "warm", scenario=SCENARIOS[0])
    stage.build(template)
    with suppress(Suspended):
        asyncio.run(lived_here(stage, Fuse(trace=stage.trace), random.Random(0)))
    gc.collect()
    gc.freeze()
    return template
