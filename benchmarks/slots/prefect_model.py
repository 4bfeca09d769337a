"""What does Prefect do with schedules and runs? A model of its scheduler, its API as far as it is asked, and its worker.

As in 3.8.8: runs are made ahead (at least three, and for an hour) from this moment on, never for the past; a key keeps one
from being made twice; a deployment that is changed or paused loses those that have not begun; after an absence the worker
starts what is late in no order; a limit of one keeps the others waiting.
"""

from __future__ import annotations

import functools
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from prefect.client.schemas.filters import DeploymentFilter, FlowRunFilter
from prefect.client.schemas.objects import DeploymentSchedule, FlowRun, State, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.server.schemas.schedules import SCHEDULE_TYPES
from prefect.states import Scheduled
from pydantic import TypeAdapter

MIN_RUNS: Final = 3
MIN_TIME: Final = timedelta(hours=1)
RETRY: Final = timedelta(seconds=30)
"""A run that finds its deployment's limit taken tries again so much later."""
LOOP: Final = timedelta(seconds=60)
FLOW: Final = UUID(int=1)

Spec = dict[str, Any]


class Killed(Exception):
    """The process that asked is gone."""


@dataclass(kw_only=True)
class Deployment:
    id: UUID
    agent: str
    specs: list[Spec]
    changed_at: datetime
    schedule_ids: list[UUID]
    paused: bool = False
    made_at: list[datetime] = field(default_factory=list)
    """Of each schedule."""

    def shown(self) -> DeploymentResponse:
        """As the API shows it. Without validation, in which Prefect looks through all time zones of the machine."""
        schedules = [
            DeploymentSchedule.model_construct(id=one, schedule=_schedule(spec), active=True, **_updated(made))
            for one, spec, made in zip(self.schedule_ids, self.specs, self.made_at, strict=True)
        ]
        return DeploymentResponse.model_construct(
            id=self.id,
            name=self.agent,
            flow_id=FLOW,
            parameters={"agent": self.agent},
            schedules=schedules,
            paused=self.paused,
            labels={},
            **_updated(self.changed_at),
        )


@dataclass(kw_only=True)
class PrefectModel:
    """The server. `chance` says at which calls the process that asks is killed."""

    seed: random.Random
    now: datetime
    deployments: dict[UUID, Deployment] = field(default_factory=dict)
    runs: dict[UUID, FlowRun] = field(default_factory=dict)
    keys: dict[str, UUID] = field(default_factory=dict)
    deadly: float = 0.0
    """How likely a call is the last one of whoever makes it."""
    scheduled_at: datetime | None = None
    made: int = 0

    def deploy(self, agent: str, specs: Sequence[Spec]) -> None:
        """`prefect deploy`: the schedules are new ones, and runs ahead are gone."""
        standing = next((one for one in self.deployments.values() if one.agent == agent), None)
        identity = standing.id if standing else self._id()
        deployment = Deployment(
            id=identity,
            agent=agent,
            specs=list(specs),
            changed_at=self.now,
            schedule_ids=[self._id() for _ in specs],
            made_at=[self.now] * len(specs),
            paused=standing.paused if standing else False,
        )
        self.deployments[identity] = deployment
        self.scheduled_at = None
        self._forget(identity, future_only=True)

    def pause(self, identity: UUID, *, paused: bool) -> None:
        """Pause a deployment, or let it go on."""
        self.deployments[identity].paused = paused
        self.deployments[identity].changed_at = self.now
        self.scheduled_at = None
        if paused:
            self._forget(identity, future_only=False)

    def schedule(self) -> None:
        """One loop of the scheduler, if its time has come."""
        if self.scheduled_at is not None and self.now - self.scheduled_at < LOOP:
            return
        self.scheduled_at = self.now
        for deployment in self.deployments.values():
            if not deployment.paused:
                for one, spec in zip(deployment.schedule_ids, deployment.specs, strict=True):
                    self._make_ahead(deployment, one, spec)

    def startable(self) -> list[FlowRun]:
        """What begins now, in no order: late ones too."""
        due = [
            run
            for run in self.runs.values()
            if run.state and run.state.type == StateType.SCHEDULED and self._planned(run) <= self.now
        ]
        self.seed.shuffle(due)
        return due

    def start(self, run: FlowRun) -> bool:
        """The worker starts it, unless its deployment's limit is taken."""
        at_work = [
            one
            for one in self.runs.values()
            if one.deployment_id == run.deployment_id and one.state and one.state.type in AT_WORK
        ]
        if at_work:
            self.turn(run.id, Scheduled(scheduled_time=self.now + RETRY, message="AwaitingConcurrencySlot"))
            self.runs[run.id].state.name = "AwaitingConcurrencySlot"  # type: ignore[union-attr]  # just set
            return False
        self.turn(run.id, State(type=StateType.RUNNING, name="Running", timestamp=self.now), started=True)
        return True

    def turn(self, run_id: UUID, state: State[Any], *, started: bool = False) -> None:
        """A run's state."""
        run = self.runs[run_id]
        state = state.model_copy(update={"timestamp": self.now})
        self.runs[run_id] = run.model_copy(update={"state": state, "run_count": run.run_count + started})

    # What a client asks

    async def read_deployments(self, *, offset: int = 0, **_: object) -> list[DeploymentResponse]:
        """A page."""
        self._live()
        return [one.shown() for one in self.deployments.values()][offset:]

    async def read_flow_runs(
        self,
        *,
        flow_run_filter: FlowRunFilter,
        deployment_filter: DeploymentFilter | None = None,
        limit: int = 200,
        offset: int = 0,
        **_: object,
    ) -> list[FlowRun]:
        """A page, by expected start."""
        self._live()
        found = [run for run in self.runs.values() if _fits(run, flow_run_filter, deployment_filter)]
        found.sort(key=lambda run: (run.expected_start_time or self.now, run.id))
        return found[offset : offset + limit]

    async def create_flow_run_from_deployment(
        self,
        identity: UUID,
        *,
        idempotency_key: str,
        state: State[Any],
        **_: object,
    ) -> FlowRun:
        """A run, or the one that has this key."""
        self._live()
        planned = state.state_details.scheduled_time
        assert planned is not None
        return self._made(self.deployments[identity], planned, idempotency_key, auto=False)

    async def set_flow_run_state(self, run_id: UUID, state: State[Any]) -> None:
        """As asked; a run that is at work or has ended stays as it is."""
        self._live()
        run = self.runs.get(run_id)
        if run is not None and run.state is not None and run.state.type == StateType.SCHEDULED:
            self.turn(run_id, state)

    def _live(self) -> None:
        if self.deadly and self.seed.random() < self.deadly:
            raise Killed

    def _make_ahead(self, deployment: Deployment, one: UUID, spec: Spec) -> None:
        for count, date in enumerate(_dates(spec, self.now), 1):
            self._made(deployment, date, f"scheduled {deployment.id} {one} {date.isoformat()}", auto=True)
            if count >= MIN_RUNS and date >= self.now + MIN_TIME:
                return

    def _made(self, deployment: Deployment, planned: datetime, key: str, *, auto: bool) -> FlowRun:
        if key in self.keys:
            return self.runs[self.keys[key]]
        run = FlowRun(
            id=self._id(),
            flow_id=FLOW,
            deployment_id=deployment.id,
            parameters={"agent": deployment.agent},
            auto_scheduled=auto,
            expected_start_time=planned,
            idempotency_key=key,
            state=Scheduled(scheduled_time=planned),
        )
        self.runs[run.id] = run
        self.keys[key] = run.id
        return run

    def _forget(self, deployment: UUID, *, future_only: bool) -> None:
        for run in list(self.runs.values()):
            fresh = run.state and run.state.name in ("Scheduled", "Late") and not run.run_count and run.auto_scheduled
            if run.deployment_id == deployment and fresh and (not future_only or self._planned(run) > self.now):
                del self.runs[run.id]
                self.keys = {key: known for key, known in self.keys.items() if known != run.id}

    def _planned(self, run: FlowRun) -> datetime:
        assert run.state is not None
        return run.state.state_details.scheduled_time or self.now

    def _id(self) -> UUID:
        self.made += 1
        return UUID(int=self.made + 1)


AT_WORK: Final = (StateType.RUNNING, StateType.PENDING, StateType.CANCELLING)


def _fits(run: FlowRun, wanted: FlowRunFilter, deployments: DeploymentFilter | None) -> bool:
    types = wanted.state.type.any_ if wanted.state and wanted.state.type else None
    ids = deployments.id.any_ if deployments and deployments.id else None
    expected = wanted.expected_start_time
    planned = run.expected_start_time
    return (
        (types is None or bool(run.state and run.state.type in types))
        and (ids is None or run.deployment_id in ids)
        and not (expected and planned and expected.after_ and planned < expected.after_)
        and not (expected and planned and expected.before_ and planned > expected.before_)
    )


def _updated(at: datetime) -> dict[str, Any]:
    """Its type is another one on each Python."""
    return {"updated": at}


def _schedule(spec: Spec) -> Any:
    return _known_schedule(json.dumps(spec))


@functools.cache
def _known_schedule(spec: str) -> Any:
    return _SPEC.validate_json(spec)


def _dates(spec: Spec, start: datetime) -> Iterator[datetime]:
    yield from _schedule(spec)._get_dates_generator(n=100, start=start, end=start + timedelta(days=100))


_SPEC: Final[TypeAdapter[SCHEDULE_TYPES]] = TypeAdapter(SCHEDULE_TYPES)
