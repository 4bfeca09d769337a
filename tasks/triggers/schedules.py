"""Trigger: which schedules stand in Prefect now, and which runs has it for their slots?"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterExpectedStartTime,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.sorting import FlowRunSort

from midwatch.ledger import Ledger, Schedule, Seen, Standing
from midwatch.slots import Account, Going, Stopped
from tasks.step.deployments import OF_AGENTS
from tasks.triggers.flow_runs import flow_runs
from tasks.triggers.slot import is_rehearsal, slot_of

AT_WORK: Final = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
"""What Prefect's own limit of concurrent runs counts; a suspended run is not among them."""


async def see(
    ledger: Ledger, deployments: Sequence[DeploymentResponse], held: Collection[str], now: datetime
) -> dict[str, set[UUID]]:
    """Enter the schedules as they stand now; returns the deployments of each agent that has one.

    Args:
        held: Deployments that a breaker has paused, by their ids.
    """
    seen = [one for deployment in deployments for one in _seen(deployment, held)]
    standing = {row.schedule for row in await ledger.schedules_standing()}
    if standing != {one.schedule for one in seen}:
        deployed = {str(one.id): _changed(one) for one in deployments}
        await ledger.see_schedules(seen, now, deployed)
    found: dict[str, set[UUID]] = {}
    for one in seen:
        found.setdefault(one.schedule.agent, set()).add(UUID(one.schedule.deployment_id))
    return found


async def held_by_breakers(ledger: Ledger) -> dict[str, Stopped]:
    """Why a breaker has paused a deployment, by the deployment's id."""
    opened = [row for row in await ledger.breakers_of() if row.state != "closed"]
    return {one: Stopped(why="breaker", reason=row.words()) for row in opened for one in row.paused}


async def runs_at_work(client: PrefectClient) -> list[FlowRun]:
    """Runs of every agent that are at work, or about to be, the oldest first."""
    wanted = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=AT_WORK)))
    return await flow_runs(
        client, flow_filter=OF_AGENTS, flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_ASC
    )


async def runs_of_slots(
    client: PrefectClient, deployments: Collection[UUID], since: datetime, until: datetime
) -> list[FlowRun]:
    """Runs of these deployments that are for a slot, expected between the two moments."""
    wanted = FlowRunFilter(expected_start_time=FlowRunFilterExpectedStartTime(after_=since, before_=until))
    mine = DeploymentFilter(id=DeploymentFilterId(any_=list(deployments)))
    found = await flow_runs(
        client, deployment_filter=mine, flow_run_filter=wanted, sort=FlowRunSort.EXPECTED_START_TIME_ASC
    )
    return [run for run in found if slot_of(run).instant is not None]


def going_of(agent: str, at_work: Sequence[FlowRun], waiting: Sequence[Account], but: str = "") -> Going | None:
    """The run of the agent that is at work; one that is still to claim its slot is not, and no rehearsal."""
    unclaimed = {one.instant for one in waiting}
    for run in at_work:
        slot = slot_of(run)
        if is_rehearsal(run.parameters) or run.parameters.get("agent") != agent:
            continue
        if str(run.id) == but or slot.instant in unclaimed:
            continue
        if run.state is not None and run.state.type != StateType.PENDING:
            return Going(run_id=str(run.id), scheduled=slot.cause == "schedule")
    return None


def _seen(deployment: DeploymentResponse, held: Collection[str]) -> Iterator[Seen]:
    for one in deployment.schedules:
        parameters = {**deployment.parameters, **one.parameters}
        agent = parameters.get("agent")
        if not isinstance(agent, str) or is_rehearsal(parameters):
            continue
        schedule = Schedule(
            agent=agent,
            deployment_id=str(deployment.id),
            deployment=deployment.name,
            spec_json=_canonical(one.schedule.model_dump(mode="json")),
            parameters_json=_canonical(parameters),
            standing=_standing(deployment, held, active=one.active),
        )
        yield Seen(schedule=schedule, changed_at=_changed(one), deployed_at=_changed(deployment))


def _standing(deployment: DeploymentResponse, held: Collection[str], *, active: bool) -> Standing:
    if not active:
        return "paused"
    if not deployment.paused:
        return "active"
    return "breaker" if str(deployment.id) in held else "paused"


def _changed(one: Any) -> datetime:
    moment: datetime = one.updated or one.created or datetime.now(UTC)
    return datetime.fromtimestamp(moment.timestamp(), UTC)


def _canonical(value: Mapping[str, Any]) -> str:
    return json.dumps(value, sort_keys=True)
