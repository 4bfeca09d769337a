"""`midwatch slots`: a week as a picture and as JSON."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from cli.slot_week import SeenSlot, Week, picture, week_of
from cli.slots import _facts, week_in
from midwatch.ledger import Due, Ledger, Schedule, Seen
from midwatch.slots import Account, Around, slot_name
from midwatch.triggers import SchedulePolicy

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made

NOW = datetime(2026, 3, 27, 12, 0, tzinfo=UTC)
"""A Friday; on Sunday the clocks go forward in Berlin."""
NIGHTLY = Schedule(
    agent="owl",
    deployment_id="d1",
    deployment="owl",
    spec_json='{"cron": "0 5 * * *", "timezone": "Europe/Berlin"}',
    parameters_json="{}",
    standing="active",
)


def printed(week: Week) -> str:
    console = Console(file=io.StringIO(), width=140)
    console.print(picture(week))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


async def lived_week(folder: Path) -> Week:
    """Monday to Friday: ran, skipped, missed, and two that are still to come."""
    async with Ledger.open(f"sqlite+aiosqlite:///{folder / 'ledger.db'}", clock=lambda: NOW) as ledger:
        await ledger.migrate()
        monday = datetime(2026, 3, 23, 4, 0, tzinfo=UTC)
        await ledger.see_schedules([Seen(schedule=NIGHTLY, changed_at=monday, deployed_at=monday)], NOW, {})
        days = tuple(monday + timedelta(days=number) for number in range(5))
        await ledger.claim_slot("owl", slot_name(days[0]), "a1b2c3d4-e5", days[0])
        due = Due(since=None, until=NOW, instants=days)
        assert await ledger.account_slots("owl", due, SchedulePolicy(overlap="skip"), Around(now=NOW))
        missed = Account(instant=days[1], state="missed", why="asleep", reason="nobody was there")
        assert await ledger.close_slot("owl", missed)
        return await week_in(ledger, "owl", 0, NOW)


async def test_a_week_shows_each_slot_by_day_and_hour_in_the_schedule_s_zone(tmp_path: Path) -> None:
    week = await lived_week(tmp_path)
    assert [one.state for one in week.slots] == ["ran", "missed", "skipped", "skipped", "skipped", "coming", "coming"]
    text = printed(week)
    (row,) = [line for line in text.splitlines() if line.startswith("05:00")]
    assert row.split() == ["05:00", "R", "M", "S", "S", "S", "·", "·"]
    assert "Europe/Berlin" in text
    assert "nobody was there" in text


async def test_what_the_schedule_says_stands_above_the_picture(tmp_path: Path) -> None:
    week = await lived_week(tmp_path)
    assert "Europe/Berlin: 0 5 * * *" in printed(week)
    paused = replace(week, slots=(), schedules=("every 3600 s (paused)",))
    assert "every 3600 s (paused)" in printed(paused)


async def test_more_slots_in_an_hour_than_a_terminal_has_room_for_are_counted(tmp_path: Path) -> None:
    began = datetime(2026, 3, 23, 5, 0, tzinfo=UTC)
    slots = tuple(
        SeenSlot(instant=began + timedelta(minutes=4 * number), state="skipped" if number == 3 else "ran")
        for number in range(15)
    )
    text = printed(replace(await lived_week(tmp_path), slots=slots))
    (row,) = [line for line in text.splitlines() if line.startswith("05:00")]
    assert row.split() == ["05:00", "R14S1"]


async def test_the_day_of_the_change_is_marked_and_keeps_the_hour(tmp_path: Path) -> None:
    week = await lived_week(tmp_path)
    assert [week.clocks(day) for day in week.days()] == ["", "", "", "", "", "", "+60 min"]
    assert "clocks +60 min" in printed(week)
    assert {one.instant.hour for one in week.slots} == {5}


async def test_the_json_has_every_slot_with_its_reason_and_its_run(tmp_path: Path) -> None:
    facts = json.loads(json.dumps(_facts(await lived_week(tmp_path))))
    assert (facts["agent"], facts["monday"], len(facts["slots"])) == ("owl", "2026-03-23", 7)
    first, second = facts["slots"][:2]
    assert (first["state"], first["run_id"], first["outcome"]) == ("ran", "a1b2c3d4-e5", None)
    assert (second["why"], second["reason"]) == ("asleep", "nobody was there")
    assert facts["clocks"] == {"2026-03-29": "+60 min"}


def test_a_letter_is_green_only_where_the_outcome_is() -> None:
    def of(outcome: str | None) -> str:
        return SeenSlot(instant=NOW, state="ran", outcome=outcome).colour  # type: ignore[arg-type]  # of the table

    outcomes = ("verified", "verified_noop", "blocked", "failed", "unknown", "unverified", None)
    assert [of(one) for one in outcomes] == ["green", "green", "red", "red", "red", "red", "yellow"]


def test_weeks_begin_on_monday() -> None:
    assert [week_of(date(2026, 3, 29), number) for number in (-1, 0, 1)] == [
        date(2026, 3, 16),
        date(2026, 3, 23),
        date(2026, 3, 30),
    ]
