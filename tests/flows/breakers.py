"""The breaker on a real house: a deployment of an agent's own, and what the ledger says of its breaker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine
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
from tests.flows.conftest import Night

FAILING = """
tools: [{write_file: {root: work}}]
rules: {allow: [write_file]}
ceiling: 4
breaker: {same_cause: 3, cool_down_minutes: 0.2, longest_minutes: 0.2}
contract:
  done_when:
    - file: {path: work/NAME/mended.txt}
"""


async def eventually(look: Callable[[], Coroutine[Any, Any, Any]], seconds: float = 90) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := await look()):
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.3)
    return seen


@asynccontextmanager
async def deployed(client: PrefectClient, agent: str) -> AsyncIterator[UUID]:
    """A deployment of the agent's own, with a schedule that is far away."""
    like = await client.read_deployment_by_name("agent-run/scripted")
    far = IntervalSchedule(interval=timedelta(days=300), anchor_date=datetime.now(UTC) + timedelta(days=1))
    mine = await client.create_deployment(
        flow_id=like.flow_id,
        name=agent,
        entrypoint=like.entrypoint,
        path=like.path,
        pull_steps=like.pull_steps,
        work_pool_name=like.work_pool_name,
        parameters={"agent": agent},
        schedules=[DeploymentScheduleCreate(schedule=far, active=True)],
    )
    yield mine
    await client.delete_deployment(mine)


async def run_of(night: Night, client: PrefectClient, deployment: UUID) -> RunRow:
    run = await client.create_flow_run_from_deployment(deployment, state=Scheduled())
    return await night.ended(run.id)


async def breaker(night: Night, agent: str, *states: str, openings: int = 1) -> BreakerRow:
    async def look() -> BreakerRow | None:
        row = await night.ledger.breaker(agent)
        return row if row and row.state in states and row.settled and row.openings >= openings else None

    row: BreakerRow = await eventually(look)
    return row


async def probes(client: PrefectClient, deployment: UUID) -> list[Any]:
    mine = DeploymentFilter(id=DeploymentFilterId(any_=[deployment]))
    runs = await client.read_flow_runs(deployment_filter=mine, flow_run_filter=FlowRunFilter())
    return [run for run in runs if (run.idempotency_key or "").startswith(PROBE)]
