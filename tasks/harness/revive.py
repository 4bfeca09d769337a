"""Harness: which runs have lost their process, and how do they go on? Nothing in Prefect restarts a run by itself.

A run is lost when Prefect says that it works (or crashed), no process holds its lock, and the process that was started for
it is gone. It is set to Scheduled under the same id, so that it goes on from its last finished step. A crash is reported
twice by Prefect's worker, so a run is left alone until its state is older than `GRACE`; should a report come later still,
the lock keeps a second process waiting (`lock.py`). A run that is lost at the same step again and again is given up. Of one
that has ended, only Prefect does not know yet: it is told.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterId,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.states import Failed, Scheduled

from midwatch.ledger import Ledger, RunRow, StepRow
from tasks.harness.ended import shown
from tasks.harness.lock import is_alive, was_started
from tasks.step.deployments import OF_AGENTS, PAGE
from tasks.triggers.flow_runs import flow_runs
from tasks.triggers.slot import slot_of

GRACE: Final = {
    StateType.CRASHED: timedelta(seconds=8),
    StateType.RUNNING: timedelta(seconds=12),
    StateType.PENDING: timedelta(minutes=3),
}
"""How long a state must stand before its run counts as lost. Crashed: the second report comes half a second after the
first. Running: the lock is taken a moment later. Pending: until the worker has started a process and says which; one that
lives and is slow is waited for, since a run that is set to Scheduled while it starts cannot suspend, and what a dead one
leaves is crashed by `cli/settle.py`."""
STARTED: Final = timedelta(seconds=45)
"""Pending, and the process that the worker noted is gone: a note of an earlier life, perhaps, and the new one on its way."""
TOLD_WITHIN: Final = timedelta(seconds=10)
"""From the outcome in the ledger to the state that Prefect is told by the run's own process; then it is told from here."""
AT_ONE_STEP: Final = 3
"""Crashes with no step finished in between, after which a run is given up: it would go on like that for ever."""
AT_MOST: Final = 20
"""Losses of one run in all, interruptions included."""
INTERRUPTED: Final = "Interrupted"
"""The state of a run whose house went down, or whose ledger was away: no fault of the step that it was at."""
REVIVED: Final = "revived"

Action = Literal["revived", "given up", "ended"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Revival:
    run_id: str
    agent: str
    was: str
    """The state in which the run was found."""
    count: int
    action: Action


@dataclass(frozen=True, slots=True, kw_only=True)
class Losses:
    """How often a run has lost its process."""

    total: int
    here: int
    """Crashes since its last finished step."""
    after: str
    """The position of that step; empty when there is none."""

    def too_many(self) -> str | None:
        """Why the run is given up, if it is."""
        place = f"after step `{self.after}`" if self.after else "before its first step"
        if self.here >= AT_ONE_STEP:
            return f"its process was lost {self.here} times {place}, with nothing finished in between"
        if self.total >= AT_MOST:
            return f"its process was lost {self.total} times, the last time {place}"
        return None


async def revive_lost_runs(client: PrefectClient, ledger: Ledger, locks: Path, now: datetime) -> list[Revival]:
    """Send every lost run on its way again; returns what was done. Safe to call as often as one likes."""
    runs = await flow_runs(
        client,
        flow_filter=OF_AGENTS,
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(GRACE)))),
        sort=FlowRunSort.START_TIME_DESC,
    )
    revivals = [await _revive(run, client, ledger, now) for run in runs if is_lost(run, locks, now)]
    return [revival for revival in revivals if revival is not None]


async def suspended_runs(client: PrefectClient, among: Sequence[str]) -> list[str]:
    """Which of these runs are suspended, in their order; one whose id is none of Prefect's is not."""
    paused = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PAUSED]))
    known = [run_id for run_id in map(_prefects, among) if run_id is not None]
    found: set[str] = set()
    for start in range(0, len(known), PAGE):
        wanted = FlowRunFilterId(any_=known[start : start + PAGE])
        runs = await client.read_flow_runs(flow_run_filter=FlowRunFilter(id=wanted, state=paused), limit=PAGE)
        found |= {str(run.id) for run in runs}
    return [run_id for run_id in among if run_id in found]


def _prefects(run_id: str) -> UUID | None:
    try:
        return UUID(run_id)
    except ValueError:
        return None


def is_lost(run: FlowRun, locks: Path, now: datetime) -> bool:
    """Whether nobody works on a run that should be worked on."""
    if run.state is None or now - run.state.timestamp.astimezone(UTC) < _grace(run.state.type, run.infrastructure_pid):
        return False
    return not is_alive(str(run.id), locks) and not was_started(run.infrastructure_pid, str(run.id))


def _grace(kind: StateType, pid: str | None) -> timedelta:
    """A process that was noted, and is not there, is waited for less than one of which nothing is known."""
    return STARTED if kind == StateType.PENDING and pid else GRACE[kind]


async def _revive(run: FlowRun, client: PrefectClient, ledger: Ledger, now: datetime) -> Revival | None:
    assert run.state is not None
    run_id, agent, was = str(run.id), str(run.parameters.get("agent", "")), run.state.name or ""
    row = await ledger.run(run_id)
    if row is not None and row.outcome is not None and row.finished_at is not None:
        if now - row.finished_at < TOLD_WITHIN:
            return None
        await client.set_flow_run_state(run.id, shown(row.outcome, row.reason), force=True)
        return Revival(run_id=run_id, agent=agent, was=was, count=0, action="ended")
    losses = await _losses_before_its_row(run, client) if row is None else losses_in(await ledger.steps_of(run_id), was)
    if why := losses.too_many():
        words = f"{why}: the run is given up. The last time: {run.state.message or was}"
        ended = await _give_up(run, row, ledger, words, now)
        await client.set_flow_run_state(run.id, Failed(name=ended.outcome, message=ended.reason), force=True)
        return Revival(run_id=run_id, agent=agent, was=was, count=losses.total, action="given up")
    if row is not None:
        name = "interrupted" if was == INTERRUPTED else REVIVED
        await ledger.record_step(run_id, f"{REVIVED}/{losses.total}", kind="harness", name=name)
    message = f"{REVIVED} after its process was lost ({was}), {losses.total} of at most {AT_MOST}"
    await client.set_flow_run_state(run.id, Scheduled(message=message), force=True)
    return Revival(run_id=run_id, agent=agent, was=was, count=losses.total, action="revived")


def losses_in(steps: Sequence[StepRow], was: str) -> Losses:
    """The losses that the ledger knows of and the one that is found now."""
    total, here, after = 0, 0, ""
    for step in steps:
        if step.position.startswith(f"{REVIVED}/"):
            total, here = total + 1, here + (step.name == REVIVED)
        else:
            here, after = 0, step.position
    return Losses(total=total + 1, here=here + (was != INTERRUPTED), after=after)


async def _losses_before_its_row(run: FlowRun, client: PrefectClient) -> Losses:
    """A run that has not even entered the ledger: only Prefect remembers how often it was sent on its way."""
    states = await client.read_flow_run_states(run.id)
    total = 1 + sum((state.message or "").startswith(REVIVED) for state in states)
    return Losses(total=total, here=total, after="")


async def _give_up(run: FlowRun, row: RunRow | None, ledger: Ledger, why: str, now: datetime) -> RunRow:
    """The outcome, in the ledger; a run that never came so far gets its row first."""
    if row is None:
        slot = slot_of(run)
        await ledger.start_run(
            str(run.id),
            agent=str(run.parameters.get("agent", "")),
            cause=slot.cause,
            slot=slot.name,
            level=1,
            asked_level=None,
            input=run.parameters.get("input") or {},
            fingerprint="",
            started_at=run.start_time or now,
        )
    return await ledger.finish_run(str(run.id), outcome="failed", ending="error", reason=why)
