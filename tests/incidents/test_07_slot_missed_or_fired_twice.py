"""Row 7. A slot was missed silently while the machine slept; elsewhere the same slot was fired by two processes.

Here: every slot is accounted for exactly once: it ran, was skipped with its reason, or was caught up.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.schedules import IntervalSchedule
from prefect.states import Scheduled

from midwatch.ledger import Schedule
from tasks.triggers.slot import idempotency_key, slot_of
from tests.flows.conftest import Night
from tests.flows.schedules import every, scheduled, slept, until, whole

WORKS = "contract: {done_when: [{command: {argv: ['true']}}]}\n"


async def test_what_was_slept_through_is_accounted_for_and_the_last_of_it_is_caught_up(night: Night) -> None:
    agent = night.agent("slot-late", WORKS, "done")
    await night.ledger.grant_level(agent, 3, by="test", because="a test")
    anchor = whole(datetime.now(UTC)) - timedelta(hours=4, minutes=20)
    schedule = IntervalSchedule(interval=timedelta(hours=1), anchor_date=anchor)
    async with scheduled(agent, schedule) as (client, deployment):
        spec = (await client.read_deployment(deployment)).schedules[0].schedule.model_dump(mode="json")
        stood = Schedule(
            agent=agent,
            deployment_id=str(deployment),
            deployment=agent,
            spec_json=json.dumps(spec, sort_keys=True),
            parameters_json=json.dumps({"agent": agent}),
            standing="active",
        )
        await slept(night, stood, anchor + timedelta(minutes=90))
        rows = await until(night, agent, lambda rows: "caught_up" in {row.state for row in rows})
        past = [(row.instant, row.state, row.why) for row in rows if row.instant and row.instant < datetime.now(UTC)]
        hours = [anchor + timedelta(hours=number) for number in (2, 3, 4)]
        assert past == [
            (hours[0], "missed", "asleep"),
            (hours[1], "missed", "asleep"),
            (hours[2], "caught_up", "asleep"),
        ]
        ended = await night.ended(UUID(rows[2].run_id), 240)
        assert (ended.outcome, ended.cause) == ("verified", "schedule")


def over(run: FlowRun) -> bool:
    return bool(run.state and run.state.is_final())


async def test_a_slot_that_two_processes_fire_is_run_by_one_of_them(night: Night) -> None:
    agent = night.agent("slot-twice", WORKS, "done")
    await night.ledger.grant_level(agent, 3, by="test", because="a test")
    schedule = every(timedelta(hours=5))
    async with scheduled(agent, schedule) as (client, deployment):
        await client.create_flow_run_from_deployment(
            deployment,
            state=Scheduled(scheduled_time=schedule.anchor_date),
            idempotency_key=idempotency_key(agent, schedule.anchor_date),
        )
        (row,) = await until(night, agent, lambda rows: [row.state for row in rows] == ["ran"])
        assert (await night.ended(UUID(row.run_id), 240)).outcome == "verified"
        mine = await client.read_flow_runs(
            deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        )
        fired = [run for run in mine if slot_of(run).instant == schedule.anchor_date]
        assert len(fired) == 2
        (second,) = [run for run in fired if str(run.id) != row.run_id]
        state = (await night.until(second.id, over)).state
        assert state is not None
        assert (state.name, f"is taken by run {row.run_id}" in str(state.message)) == ("Duplicate", True)
    assert night.script.count(agent) == 1
