"""Slots on a real house: Prefect makes the runs, the keeper and the runs account for them."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from uuid import UUID

from midwatch.slots import OPEN
from tasks.triggers.slot import slot_of
from tests.flows.conftest import Night
from tests.flows.schedules import every, scheduled, until
from tests.flows.scripted_model import Hold


async def test_a_scheduled_slot_is_run_once(night: Night) -> None:
    agent = night.agent("slot-once", "contract: {done_when: [{command: {argv: ['true']}}]}\n", "done")
    await night.ledger.grant_level(agent, 3, by="test", because="a test")
    schedule = every(timedelta(hours=5))
    async with scheduled(agent, schedule) as (client, _):
        (row,) = await until(night, agent, lambda rows: [row.state for row in rows] == ["ran"])
        assert (row.instant, row.why) == (schedule.anchor_date, "")
        ended = await night.ended(UUID(row.run_id), 240)
        assert (ended.outcome, ended.cause, ended.slot) == ("verified", "schedule", row.slot)
        run = await client.read_flow_run(UUID(row.run_id))
        assert slot_of(run).instant == row.instant


async def test_a_slot_of_an_agent_without_the_level_is_skipped_and_says_why(night: Night) -> None:
    agent = night.agent("slot-low", "")
    await night.ledger.grant_level(agent, 2, by="test", because="a test")
    async with scheduled(agent, every(timedelta(hours=5))):
        (row,) = await until(night, agent, lambda rows: [row.state for row in rows] == ["skipped"])
        assert (row.why, "stands at level 2" in row.reason) == ("level", True)
        assert (await night.ended(UUID(row.run_id), 240)).outcome == "blocked"


async def test_a_slot_that_is_due_while_the_last_run_is_going_is_skipped_where_the_file_says_so(night: Night) -> None:
    body = "triggers: {schedule: {overlap: skip}}\ncontract: {done_when: [{command: {argv: ['true']}}]}\n"
    agent = night.agent("slot-over", body, "done")
    await night.ledger.grant_level(agent, 3, by="test", because="a test")
    hold = night.script.holds[agent] = Hold(turn=0)
    async with scheduled(agent, every(timedelta(seconds=20))) as (client, deployment):
        first = (await until(night, agent, lambda rows: [row.state for row in rows[:1]] == ["ran"]))[0]
        await asyncio.to_thread(hold.reached.wait, 120)
        going = f"run {first.run_id} was still going"
        rows = await until(night, agent, lambda rows: going in {row.reason for row in rows})
        await client.pause_deployment(deployment)
        hold.go.set()
        assert (await night.ended(UUID(first.run_id), 240)).outcome == "verified"
    assert {(row.state, row.why) for row in rows if row.reason == going} == {("skipped", "overlap")}
    assert {row.state for row in rows[1:]} <= {"skipped", *OPEN}
