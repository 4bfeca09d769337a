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
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos_run.scenario import SCENARIOS
from benchmarks.chaos_run.trial import Trial, Verdict


@dataclass(frozen=True, slots=True)
class Workers:
    """The processes that make the runs."""

    pool: ProcessPoolExecutor

    def verdicts(self, trials: Iterable[Trial]) -> Iterator[Verdict]:
        """What came of each, as soon as it is known."""
        for done in as_completed([self.pool.submit(_one, trial) for trial in trials]):
            yield done.result()


@contextmanager
def workers(count: int) -> Iterator[Workers]:
    """`count` of them. Started afresh, not forked: whoever starts them may have threads."""
    with (
        tempfile.TemporaryDirectory(prefix="chaos-") as folder,
        ProcessPoolExecutor(count, multiprocessing.get_context("spawn"), _begin, (Path(folder),)) as pool,
    ):
        yield Workers(pool)


_places: list[tuple[Path, Path]] = []


def _begin(folder: Path) -> None:
    _places.append(warm(folder))


def warm(folder: Path) -> tuple[Path, Path]:
    """Live one life in this process itself: what is imported, compiled and cached by it is there in every fork.

    Returns:
        a ledger to begin with, and a folder for the runs.
    """
    from benchmarks.chaos_run.boundary import Fuse
    from benchmarks.chaos_run.life import Suspended, lived_here
    from benchmarks.chaos_run.stage import Stage, migrated

    mine = Path(tempfile.mkdtemp(dir=folder))
    template = mine / "ledger.db"
    asyncio.run(migrated(template))
    stage = Stage(folder=mine / "warm", scenario=SCENARIOS[0])
    stage.build(template)
    with suppress(Suspended):
        asyncio.run(lived_here(stage, Fuse(trace=stage.trace), random.Random(0)))
    gc.collect()
    gc.freeze()
    return template, mine


def _one(trial: Trial) -> Verdict:
    from benchmarks.chaos_run.lives import tried

    return tried(trial, *_places[0])
