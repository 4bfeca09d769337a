"""A ledger that forgets that a call was reserved before: is it found out? Prints what is wrong, without and with it."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from pathlib import Path

import midwatch.ledger.effects
from benchmarks.chaos_run.lives import tried
from benchmarks.chaos_run.scenario import SHORT
from benchmarks.chaos_run.trial import Kill, Trial, Verdict
from benchmarks.chaos_run.workers import warm


def killed(make: Callable[[Trial], Verdict]) -> list[str]:
    """What goes wrong when a run is killed right after its letter was posted."""
    verdict = make(Trial(number=0, seed=1, scenario=SHORT, kills=[Kill(boundary="post: after")]))
    assert verdict.killed_at == ["post: after"]
    return [fault.kind for fault in verdict.faults]


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        template = warm(Path(folder))
        before = killed(lambda trial: tried(trial, template, Path(folder)))
        reservation = midwatch.ledger.effects._reservation
        vars(midwatch.ledger.effects)["_again"] = lambda _tx, row, _taken: reservation(row, "reserved")
        print(json.dumps({"before": before, "careless": killed(lambda trial: tried(trial, template, Path(folder)))}))


if __name__ == "__main__":
    main()
