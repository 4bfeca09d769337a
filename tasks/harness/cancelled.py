"""Harness: which run did a person cancel in Prefect? It ends in the ledger too, as `blocked`, or `unknown` in mid-effect.

Prefect kills its process, so the run itself can write nothing down. From its outcome on no effect of it begins, also where
its process lives on; what it had reserved is asked about.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterEndTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort

from midwatch.ledger import Ledger
from tasks.harness.lock import is_alive
from tasks.step.deployments import OF_AGENTS
from tasks.triggers.flow_runs import flow_runs

LOOKS_BACK: Final = timedelta(days=7)
"""At first; a house may have been down."""
OVERLAP: Final = timedelta(hours=1)
GRACE: Final = timedelta(minutes=1)
"""For the process to be gone: what it writes down itself comes first."""


@dataclass(kw_only=True)
class CancelledRuns:
    """Remembers which of them are seen to."""

    looked: datetime | None = None
    seen: set[str] = field(default_factory=set)

    async def end(self, client: PrefectClient, ledger: Ledger, locks: Path, now: datetime) -> list[str]:
        """End every cancelled run that has no outcome; returns what was done, a line each."""
        since = now - LOOKS_BACK if self.looked is None else self.looked - OVERLAP
        runs = await flow_runs(
            client,
            flow_filter=OF_AGENTS,
            flow_run_filter=FlowRunFilter(
                state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.CANCELLED])),
                end_time=FlowRunFilterEndTime(after_=since),
            ),
            sort=FlowRunSort.END_TIME_DESC,
        )
        new = [run for run in runs if str(run.id) not in self.seen and _is_over(run, locks, now)]
        lines = [await self._ended(str(run.id), ledger) for run in new]
        self.looked = now
        return [line for line in lines if line]

    async def _ended(self, run_id: str, ledger: Ledger) -> str:
        row = await ledger.run(run_id)
        self.seen.add(run_id)
        if row is None or row.outcome is not None:
            return ""
        row = await ledger.finish_run(
            run_id, outcome="blocked", reason="it was cancelled in Prefect", ending="cancelled"
        )
        return f"cancelled: {row.agent} {run_id}, {row.outcome}: {row.reason}"


def _is_over(run: FlowRun, locks: Path, now: datetime) -> bool:
    stood = now - run.state.timestamp.astimezone(UTC) if run.state else GRACE
    return stood >= GRACE or not is_alive(str(run.id), locks)
