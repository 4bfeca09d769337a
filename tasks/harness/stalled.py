"""Harness: which run stands in "running" and does nothing? Looked for from outside, by the times of its steps in the ledger.

A run cuts a step off by itself (`RunBudget.deadline`); this is for one that no longer can, because its event loop hangs. It
is ended in the ledger first, so that no effect of it can begin any more, and then its process is killed; what it was in the
middle of becomes `unknown` and is asked about, and whoever is told of bad endings is told. How long a run has stood still is
counted by a clock that stands still with the machine: one that slept has stalled nobody.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Final

from midwatch.ledger import Ledger, Unfinished
from tasks.harness.lock import is_alive, processes_of

GRACE_MINUTES: Final = 1.0
"""The run itself comes first."""


@dataclass(kw_only=True)
class StalledRuns:
    """Remembers since when each run stands where it stands."""

    clock: Callable[[], float] = time.monotonic
    """Seconds, without those that the machine slept."""
    since: dict[tuple[str, datetime], float] = field(default_factory=dict)

    async def end(self, ledger: Ledger, locks: Path) -> list[str]:
        """End every run that has finished no step for its `monitors.stall.minutes`; returns what was done, a line each."""
        runs = await ledger.unfinished_runs()
        self.since = {_place(run): self.since.get(_place(run), self.clock()) for run in runs}
        stalled = [run for run in runs if self._stands(run) >= run.stall_minutes + GRACE_MINUTES]
        return [await self._ended(run, ledger) for run in stalled if is_alive(run.run_id, locks)]

    def _stands(self, run: Unfinished) -> float:
        return (self.clock() - self.since[_place(run)]) / 60

    async def _ended(self, run: Unfinished, ledger: Ledger) -> str:
        place = f"after step `{run.last_step}`" if run.last_step else "before its first step"
        reason = f"it stood still for {self._stands(run):.0f} minutes {place}, and its process was ended from outside"
        if await self._has_ended(run.run_id, ledger):
            return f"not stalled after all: {run.agent} {run.run_id}"
        row = await ledger.finish_run(run.run_id, outcome="blocked", ending="stopped", reason=reason)
        processes = processes_of(run.run_id)
        for process in processes:
            process.kill()
        pids = ", ".join(str(process.pid) for process in processes)
        return f"stalled: {run.agent} {run.run_id}, {row.outcome}: {row.reason}; ended: {pids or 'no process found'}"

    async def _has_ended(self, run_id: str, ledger: Ledger) -> bool:
        row = await ledger.run(run_id)
        return row is None or row.outcome is not None


def _place(run: Unfinished) -> tuple[str, datetime]:
    return run.run_id, run.stepped_at
