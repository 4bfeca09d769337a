"""Durable steps: what do the figures say? The least of several trials, the overhead, its growth, and how systems compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from statistics import median
from typing import Any, Final

from benchmarks.durable.trial import System, Trial

FEW: Final = 100
MANY: Final = 1000
"""The numbers of steps between which growth is told."""

Rows = Mapping[tuple[System, int], Trial]
"""What to tell of every system at every number of steps."""


def least(trials: Sequence[Trial]) -> Rows:
    """One row for each system and number of steps."""
    keys = dict.fromkeys((trial.system, trial.steps) for trial in trials)
    return {key: _least([trial for trial in trials if (trial.system, trial.steps) == key]) for key in keys}


def _least(trials: Sequence[Trial]) -> Trial:
    """Field by field. Times are the least, because whatever else a machine does only ever adds to them; sizes are medians.

    What must hold every time is the worst: where a run was resumed, how many operations are seen.
    """
    resumes = [trial.resume_seconds for trial in trials if trial.resume_seconds is not None]
    seen = [trial.task_runs for trial in trials if trial.task_runs is not None]
    steps = [trial.resumed_at for trial in trials if trial.resumed_at is not None]
    parts = dict.fromkeys(part for trial in trials for part in trial.bytes_by_part)
    return Trial(
        system=trials[0].system,
        steps=trials[0].steps,
        start_ms=min(trial.start_ms for trial in trials),
        ms_per_step=min(trial.ms_per_step for trial in trials),
        between_ms=min(trial.between_ms for trial in trials),
        processor_ms=min(trial.processor_ms for trial in trials),
        bytes_per_step=median(trial.bytes_per_step for trial in trials),
        bytes_by_part={part: int(median(trial.bytes_by_part.get(part, 0) for trial in trials)) for part in parts},
        peak_rss_mb=median(trial.peak_rss_mb for trial in trials),
        task_runs=min(seen) if seen else None,
        resume_seconds=min(resumes) if resumes else None,
        resumed_at=min(steps) if steps else None,
    )


def overhead(rows: Rows, system: System, steps: int) -> float | None:
    """Milliseconds a step over the bare loop of as many steps; None where one of the two was not measured."""
    ours, bare = rows.get((system, steps)), rows.get(("bare", steps))
    return ours.ms_per_step - bare.ms_per_step if ours and bare else None


def growth(rows: Rows, system: System) -> float | None:
    """How many times the overhead at 100 steps the overhead at 1,000 is."""
    return _over(overhead(rows, system, MANY), overhead(rows, system, FEW))


def times_below(rows: Rows, system: System, other: System, steps: int) -> float | None:
    """How many times the milliseconds a step of `system` those of `other` are."""
    ours, theirs = rows.get((system, steps)), rows.get((other, steps))
    return _over(theirs.ms_per_step if theirs else None, ours.ms_per_step if ours else None)


def _over(above: float | None, below: float | None) -> float | None:
    return None if above is None or below is None or below <= 0 else above / below


def as_json(system: System, steps: int, row: Trial | None) -> dict[str, Any]:
    """A row of durable_steps.json; null where nothing was measured."""
    names = ("ms_per_step", "start_ms", "bytes_per_step", "resume_seconds")
    seen = asdict(row) if row else {}
    return {"system": system, "steps": steps, **{name: _short(seen.get(name)) for name in names}}


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
