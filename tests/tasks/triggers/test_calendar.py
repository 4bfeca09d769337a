"""Which slots a schedule has: Prefect's own, and the same whenever and wherever they are asked for."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midwatch.ledger import Schedule, ScheduleRow, Standing
from midwatch.slots import AWAY
from tasks.triggers.calendar import due_slots, instants, schedule_at

BERLIN, NEW_YORK = "Europe/Berlin", "America/New_York"
DAY = timedelta(days=1)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def row(
    spec: dict[str, Any], since: str, until: str | None = None, standing: Standing = "active", agent: str = "owl"
) -> ScheduleRow:
    schedule = Schedule(
        agent=agent,
        deployment_id="d1",
        deployment="owl",
        spec_json=json.dumps(spec),
        parameters_json="{}",
        standing=standing,
    )
    return ScheduleRow(schedule=schedule, since=at(since), until=at(until) if until else None)


NIGHTS: list[tuple[dict[str, Any], str, list[str]]] = [
    (
        {"cron": "30 1 * * *", "timezone": BERLIN},
        "2026-03-28",
        ["2026-03-28 00:30", "2026-03-29 00:30", "2026-03-29 23:30", "2026-03-30 23:30"],
    ),
    (
        {"cron": "0 3 * * *", "timezone": BERLIN},
        "2026-10-24",
        ["2026-10-24 01:00", "2026-10-25 02:00", "2026-10-26 02:00"],
    ),
    (
        {"cron": "0 3 * * *", "timezone": NEW_YORK},
        "2026-03-07",
        ["2026-03-07 08:00", "2026-03-08 07:00", "2026-03-09 07:00"],
    ),
    (
        {"rrule": "DTSTART:20260105T000000\nRRULE:FREQ=DAILY;BYHOUR=3;BYMINUTE=0;BYSECOND=0", "timezone": NEW_YORK},
        "2026-10-31",
        ["2026-10-31 07:00", "2026-11-01 08:00", "2026-11-02 08:00"],
    ),
]


@pytest.mark.parametrize(("spec", "day", "expected"), NIGHTS)
def test_a_nightly_slot_keeps_its_hour_over_the_change_of_the_clocks(
    spec: dict[str, Any], day: str, expected: list[str]
) -> None:
    assert instants(json.dumps(spec), at(day), at(day) + 3 * DAY) == [at(one) for one in expected]


ASKED = [
    {"cron": "*/30 * * * *", "timezone": BERLIN},
    {"interval": 86400, "anchor_date": "2026-01-05T02:30:00+01:00", "timezone": BERLIN},
    {"interval": 5400, "anchor_date": "2026-01-05T02:30:00+01:00", "timezone": BERLIN},
    {"rrule": "DTSTART:20260105T000000\nRRULE:FREQ=HOURLY;BYMINUTE=30;BYSECOND=0", "timezone": BERLIN},
]


@pytest.mark.parametrize("spec", ASKED)
@pytest.mark.parametrize("day", ["2026-03-28", "2026-10-24"])
def test_the_slots_are_the_same_from_whatever_moment_they_are_asked(spec: dict[str, Any], day: str) -> None:
    text, since, until = json.dumps(spec), at(day), at(day) + 4 * DAY
    whole = instants(text, since, until)
    moments = [since + timedelta(minutes=37 * number) for number in range(150)]
    pieces = [instants(text, one, other) for one, other in zip(moments, [*moments[1:], until], strict=True)]
    assert [instant for piece in pieces for instant in piece] == whole
    assert len(set(whole)) == len(whole)


def test_a_daily_interval_has_one_slot_a_day_where_prefect_s_scheduler_would_make_two() -> None:
    found = instants(json.dumps(ASKED[1]), at("2026-10-19"), at("2026-11-02"))
    assert [instant.date() for instant in found] == [at("2026-10-19").date() + DAY * number for number in range(14)]


def test_more_slots_than_prefect_lists_at_a_time_are_all_there() -> None:
    every_minute = json.dumps({"cron": "* * * * *", "timezone": "UTC"})
    assert len(instants(every_minute, at("2026-06-01"), at("2026-06-15"))) == 14 * 24 * 60


HOURLY = {"cron": "0 * * * *", "timezone": "UTC"}


def test_a_schedule_has_slots_while_it_stands_and_no_others() -> None:
    rows = [
        row(HOURLY, "2026-06-01 00:00", "2026-06-01 02:00"),
        row({"cron": "30 * * * *", "timezone": "UTC"}, "2026-06-01 02:00", "2026-06-01 03:00"),
        row(HOURLY, "2026-06-01 03:00", "2026-06-01 05:00", "paused"),
        row(HOURLY, "2026-06-01 05:00", None, "breaker"),
    ]
    due = due_slots(rows, at("2026-05-31 23:00"), at("2026-06-01 06:00"))
    assert list(due.instants) == [at(f"2026-06-01 {hour}") for hour in ("00:00", "01:00", "02:30")]
    assert list(due.held) == [at("2026-06-01 05:00"), at("2026-06-01 06:00")]


def test_two_schedules_of_one_instant_have_one_slot() -> None:
    hourly = {"interval": 3600, "anchor_date": "2026-01-01T00:00:00+00:00"}
    rows = [row(HOURLY, "2026-06-01 00:00"), row(hourly, "2026-06-01 00:00")]
    due = due_slots(rows, at("2026-06-01 00:30"), at("2026-06-01 01:30"))
    assert list(due.instants) == [at("2026-06-01 01:00")]


def test_a_look_takes_what_came_due_after_the_one_before_it() -> None:
    rows = [row(HOURLY, "2026-06-01 00:00")]
    assert due_slots(rows, at("2026-06-01 01:00"), at("2026-06-01 01:59")).instants == ()
    assert due_slots(rows, at("2026-06-01 01:00"), at("2026-06-01 02:00")).instants == (at("2026-06-01 02:00"),)
    first = due_slots(rows, None, at("2026-06-01 02:00") + AWAY / 2)
    assert first.instants == (at("2026-06-01 02:00"),)


def test_a_run_that_prefect_made_for_no_slot_is_found_out() -> None:
    rows = [row(HOURLY, "2026-06-01 00:00", "2026-06-01 03:00")]
    assert schedule_at(rows, at("2026-06-01 02:00")) is not None
    assert schedule_at(rows, at("2026-06-01 02:30")) is None
    assert schedule_at(rows, at("2026-06-01 03:00")) is None
