"""Schedules: each stands from one moment to another, so that a slot is judged by what stood at its instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from midwatch.ledger import Due, Ledger, Schedule, Seen
from midwatch.slots import Around
from midwatch.triggers import SchedulePolicy
from tests.midwatch.ledger.conftest import START

MINUTE = timedelta(minutes=1)
NIGHTLY = Schedule(
    agent="owl",
    deployment_id="d1",
    deployment="owl",
    spec_json='{"cron": "0 3 * * *"}',
    parameters_json='{"agent": "owl"}',
    standing="active",
)
HOURLY = replace(NIGHTLY, spec_json='{"cron": "0 * * * *"}')


def seen(schedule: Schedule, changed: datetime, deployed: datetime = START) -> Seen:
    return Seen(schedule=schedule, changed_at=changed, deployed_at=deployed)


async def look(ledger: Ledger, since: datetime | None, until: datetime) -> None:
    assert await ledger.account_slots("owl", Due(since=since, until=until), SchedulePolicy(), Around(now=until))


async def test_a_schedule_stands_from_when_it_was_made(ledger: Ledger) -> None:
    made = START - timedelta(days=2)
    assert await ledger.see_schedules([seen(NIGHTLY, made)], START, {"d1": made})
    (row,) = await ledger.schedules_standing()
    assert (row.schedule, row.since, row.until) == (NIGHTLY, made, None)


async def test_seeing_the_same_again_changes_nothing(ledger: Ledger) -> None:
    await ledger.see_schedules([seen(NIGHTLY, START)], START, {})
    redeployed = seen(NIGHTLY, START + MINUTE, START + MINUTE)
    assert not await ledger.see_schedules([redeployed], START + 2 * MINUTE, {})
    assert [row.since for row in await ledger.schedules_of("owl")] == [START]


async def test_a_redeployed_schedule_takes_over_at_the_moment_of_the_deployment(ledger: Ledger) -> None:
    await ledger.see_schedules([seen(NIGHTLY, START)], START, {})
    await look(ledger, None, START)
    deployed = START + 3 * MINUTE
    await ledger.see_schedules([seen(HOURLY, deployed, deployed)], START + 5 * MINUTE, {"d1": deployed})
    old, new = await ledger.schedules_of("owl")
    assert (old.until, new.since, new.until) == (deployed, deployed, None)


async def test_a_schedule_that_a_person_pauses_ends_when_they_did_it(ledger: Ledger) -> None:
    await ledger.see_schedules([seen(NIGHTLY, START)], START, {})
    await look(ledger, None, START)
    paused = seen(replace(NIGHTLY, standing="paused"), START + 2 * MINUTE)
    await ledger.see_schedules([paused], START + 5 * MINUTE, {"d1": START})
    old, new = await ledger.schedules_of("owl")
    assert (old.until, new.since, new.schedule.standing) == (START + 2 * MINUTE, START + 2 * MINUTE, "paused")


async def test_a_schedule_that_went_nobody_knows_when_ended_right_after_the_last_look(ledger: Ledger) -> None:
    await ledger.see_schedules([seen(NIGHTLY, START)], START, {})
    await look(ledger, None, START + MINUTE)
    await ledger.see_schedules([], START + 9 * MINUTE, {})
    (row,) = await ledger.schedules_of("owl")
    assert row.until == START + MINUTE


async def test_what_ended_before_the_question_is_left_out(ledger: Ledger) -> None:
    await ledger.see_schedules([seen(NIGHTLY, START)], START, {})
    await look(ledger, None, START + MINUTE)
    await ledger.see_schedules([seen(HOURLY, START + 2 * MINUTE, START + 2 * MINUTE)], START + 9 * MINUTE, {})
    assert [row.schedule for row in await ledger.schedules_of("owl", START + timedelta(hours=1))] == [HOURLY]
