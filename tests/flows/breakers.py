"""The breaker on a real house: a deployment of an agent's own, and what the ledger says of its breaker."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.states import Scheduled

from midwatch.breaker import PROBE
from midwatch.ledger import BreakerRow, RunRow
from tests.flows.conftest import Night, deployed_like, eventually

FAILING = """
tools: [{write_file: {root: work}}]
rules: {allow: [write_file]}
ceiling: 4
breaker: {same_cause: 3, cool_down_minutes: 0.2, longest_minutes: 0.2}
contract:
  done_when:
    - file: {path: work/NAME/mended.txt}
"""


@asynccontextmanager
async def deployed(client: PrefectClient, agent: str) -> AsyncIterator[UUID]:
    """A deployment of the agent's own, with a schedule that is far away."""
    far = IntervalSchedule(interval=timedelta(days=300), anchor_date=datetime.now(UTC) + timedelta(days=1))
    mine = await deployed_like(client, agent, schedules=[DeploymentScheduleCreate(schedule=far, active=True)])
    yield mine
    await client.delete_deployment(mine)


async def run_of(night: Night, client: PrefectClient, deployment: UUID) -> RunRow:
    run = await client.create_flow_run_from_deployment(deployment, state=Scheduled())
    return await night.ended(run.id)


async def breaker(night: Night, agent: str, *states: str, openings: int = 1) -> BreakerRow:
    async def look() -> BreakerRow | None:
        row = await night.ledger.breaker(agent)
        return row if row and row.state in states and row.settled and row.openings >= openings else None

    return await eventually(look)


async def probes(client: PrefectClient, deployment: UUID) -> list[Any]:
    mine = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    runs = await client.read_flow_runs(deployment_filter=mine, flow_run_filter=FlowRunFilter())
    return [run for run in runs if (run.idempotency_key or "").startswith(PROBE)]
