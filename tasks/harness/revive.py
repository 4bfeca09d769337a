"""Harness: which runs have lost their process, and how do they go on? Nothing in Prefect restarts a run by itself.

A run is lost when Prefect says that it works (or crashed) and no process holds its lock. It is set to Scheduled under the
same id, so that it goes on from its last finished step. A crash is reported twice by Prefect's worker, some seconds apart,
so a run is left alone until its state is older than `GRACE`; should a late report still come, the lock keeps a second
process waiting (`lock.py`).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Failed, Scheduled

from midwatch.ledger import Ledger
from tasks.harness.lock import is_alive

FLOW: Final = "agent-run"
GRACE: Final = {
    StateType.CRASHED: timedelta(seconds=12),
    StateType.RUNNING: timedelta(seconds=15),
    StateType.PENDING: timedelta(seconds=180),
}
"""How long a state must stand before its run counts as lost; a process needs some seconds from Pending to its lock."""
AT_MOST: Final = 5
"""Revivals of one run; a run that crashes more often ends as failed."""

Action = Literal["revived", "given up"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revival:
    run_id: str
    agent: str
    was: str
    """The state in which the run was found."""
    count: int
    action: Action


async def revive_lost_runs(client: PrefectClient, ledger: Ledger, locks: Path, now: datetime) -> list[Revival]:
    """Send every lost run on its way again; returns what was done. Safe to call as often as one likes."""
    runs = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(GRACE)))),
        sort=FlowRunSort.START_TIME_DESC,
    )
    return [await _revive(run, client, ledger) for run in runs if _is_lost(run, locks, now)]


async def suspended_runs(client: PrefectClient) -> list[str]:
    """Ids of the runs that wait, for a person or for having been answered."""
    runs = await client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[FLOW])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED]))),
        sort=FlowRunSort.START_TIME_DESC,
    )
    return [str(run.id) for run in runs]


def _is_lost(run: FlowRun, locks: Path, now: datetime) -> bool:
    if run.state is None or run.state.timestamp is None:
        return False
    stood = now - run.state.timestamp.astimezone(UTC)
    return stood > GRACE[run.state.type] and not is_alive(str(run.id), locks)


async def _revive(run: FlowRun, client: PrefectClient, ledger: Ledger) -> Revival:
    assert run.state is not None
    run_id, agent = str(run.id), str(run.parameters.get("agent", ""))
    count = await _count(ledger, run_id)
    if count > AT_MOST:
        why = f"its process was lost {count} times: the run is given up"
        row = await ledger.finish_run(run_id, outcome="failed", reason=why)
        await client.set_flow_run_state(run.id, Failed(name=row.outcome, message=row.reason), force=True)
        return Revival(run_id=run_id, agent=agent, was=run.state.name or "", count=count, action="given up")
    why = f"revived after its process was lost ({run.state.name}), {count} of at most {AT_MOST}"
    await client.set_flow_run_state(run.id, Scheduled(message=why), force=True)
    return Revival(run_id=run_id, agent=agent, was=run.state.name or "", count=count, action="revived")


async def _count(ledger: Ledger, run_id: str) -> int:
    """The number of this revival, written down; 1 for a run that was lost before it entered the ledger."""
    if await ledger.run(run_id) is None:
        return 1
    count = 1 + sum(row.position.startswith("revived/") for row in await ledger.steps_of(run_id))
    await ledger.record_step(run_id, f"revived/{count}", kind="harness", name="revived")
    return count
