"""Schedules on a real house: deployments with a schedule of their own, and what the ledger says of their slots."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.objects import ConcurrencyLimitStrategy, ConcurrencyOptions
from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule

from midwatch.ledger import Due, Schedule, Seen, SlotRow
from midwatch.slots import Around
from midwatch.triggers import SchedulePolicy
from tests.flows.conftest import Night, deployed_like


def whole(moment: datetime) -> datetime:
    return moment.replace(microsecond=0)


def every(interval: timedelta) -> IntervalSchedule:
    """From a few seconds from now on."""
    return IntervalSchedule(interval=interval, anchor_date=whole(datetime.now(UTC) + timedelta(seconds=12)))


@asynccontextmanager
async def scheduled(agent: str, schedule: IntervalSchedule | CronSchedule) -> AsyncIterator[tuple[PrefectClient, UUID]]:
    """A deployment of the agent, as `prefect deploy` makes it."""
    async with get_client() as client:
        deployment = await deployed_like(
            client,
            agent,
            schedules=[DeploymentScheduleCreate(schedule=schedule, active=True)],
            concurrency_options=ConcurrencyOptions(collision_strategy=ConcurrencyLimitStrategy.ENQUEUE),
            concurrency_limit=1,
        )
        try:
            yield client, deployment
        finally:
            await client.delete_deployment(deployment)


async def until(
    night: Night, agent: str, reached: Callable[[list[SlotRow]], bool], seconds: float = 300
) -> list[SlotRow]:
    """The agent's slots of a day, as soon as they are as wanted."""
    deadline = time.monotonic() + seconds
    while True:
        now = datetime.now(UTC)
        rows = await night.ledger.slots_between(agent, now - timedelta(days=1), now + timedelta(days=1))
        if reached(rows):
            return rows
        assert time.monotonic() < deadline, rows
        await asyncio.sleep(0.5)


async def slept(night: Night, schedule: Schedule, since: datetime) -> None:
    """The house saw this schedule, and then nobody was there."""
    made = Seen(schedule=schedule, changed_at=since - timedelta(days=1), deployed_at=since - timedelta(days=1))
    standing = [Seen(schedule=row.schedule, changed_at=row.since, deployed_at=row.since) for row in await others(night)]
    await night.ledger.see_schedules([*standing, made], since, {})
    due = Due(since=None, until=since)
    assert await night.ledger.account_slots(schedule.agent, due, SchedulePolicy(), Around(now=since))


async def others(night: Night) -> list[Any]:
    return await night.ledger.schedules_standing()
