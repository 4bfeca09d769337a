"""Attention: quiet hours by the clock on the wall, so many a day, and what wakes somebody anyway."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.attention import (
    Interrupt,
    Later,
    Person,
    QuietHours,
    Situation,
    Subject,
    merged,
    person_of,
    settings_of,
    weigh,
)
from midwatch.severity import SEVERITIES, Severity, at_least

BERLIN = ZoneInfo("Europe/Berlin")
NIGHT = QuietHours(start=time(22), until=time(7))
ANNA = Person(name="anna", zone=BERLIN, quiet=NIGHT, a_day=3)
MIDNIGHT = datetime(2026, 3, 2, 23, 30, tzinfo=UTC)
NOON = datetime(2026, 3, 3, 11, tzinfo=UTC)


def about(severity: Severity, *, agent: str = "night-owl", at: datetime = NOON, **facts: object) -> Situation:
    subject = Subject(id=f"{agent}-{at}", run_id="r1", rule="ask.pay", at=at)
    situation = Situation(agent=agent, topic="requests", severity=severity, subjects=(subject,))
    return replace(situation, **facts)  # type: ignore[arg-type]  # the names are Situation's own


@pytest.mark.parametrize(
    ("severity", "now", "sent", "interrupts"),
    [
        ("routine", NOON, 0, False),
        ("attention", NOON, 0, True),
        ("attention", NOON, 2, True),
        ("attention", NOON, 3, False),
        ("urgent", NOON, 3, False),
        ("emergency", NOON, 30, True),
        ("attention", MIDNIGHT, 0, False),
        ("urgent", MIDNIGHT, 0, False),
        ("emergency", MIDNIGHT, 3, True),
    ],
)
def test_who_is_interrupted_when(severity: Severity, now: datetime, sent: int, interrupts: bool) -> None:
    assert isinstance(weigh(about(severity), ANNA, sent, now), Interrupt if interrupts else Later)


def test_what_is_held_back_says_why_and_until_when() -> None:
    night = weigh(about("urgent"), ANNA, 0, MIDNIGHT)
    spent = weigh(about("urgent"), ANNA, 3, NOON)
    assert night == Later(why="quiet hours until 07:00", until=datetime(2026, 3, 3, 6, tzinfo=UTC))
    assert spent == Later(why="3 interruptions today, of 3", until=datetime(2026, 3, 3, 23, tzinfo=UTC))
    assert weigh(about("routine"), ANNA, 0, NOON) == Later(why="nobody has to do anything: the digest tells it")


@pytest.mark.parametrize(
    ("severity", "hours", "ends", "interrupts"),
    [
        ("urgent", 2, True, True),  # a run would end by it in the night: one step higher, which wakes
        ("urgent", 9, True, False),  # she is told at seven, and has two hours left
        ("urgent", 2, False, False),  # silence is a no, and the run goes on without
        ("attention", 2, True, False),
    ],
)
def test_a_deadline_in_the_night_wakes_only_for_what_would_end_and_matters(
    severity: Severity, hours: int, ends: bool, interrupts: bool
) -> None:
    one = about(severity, deadline=MIDNIGHT + timedelta(hours=hours), silence_ends=ends)
    assert isinstance(weigh(one, ANNA, 0, MIDNIGHT), Interrupt) == interrupts


def test_what_wakes_is_the_persons_own_choice() -> None:
    light, deep = replace(ANNA, wake_from="attention"), replace(ANNA, wake_from="emergency")
    assert isinstance(weigh(about("attention"), light, 9, MIDNIGHT), Interrupt)
    assert isinstance(weigh(about("attention"), deep, 0, MIDNIGHT), Later)


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-03-28T21:30+00:00", "2026-03-29T05:00+00:00"),  # the night in which an hour is left out
        ("2026-03-29T04:59+00:00", "2026-03-29T05:00+00:00"),
        ("2026-10-24T20:30+00:00", "2026-10-25T06:00+00:00"),  # the night that has one twice
        ("2026-10-25T05:59+00:00", "2026-10-25T06:00+00:00"),
        ("2026-07-01T20:00+00:00", "2026-07-02T05:00+00:00"),
        ("2026-07-02T05:00+00:00", None),
        ("2026-07-02T19:59+00:00", None),
    ],
)
def test_quiet_hours_keep_to_the_clock_on_the_wall(now: str, ends: str | None) -> None:
    assert NIGHT.end(datetime.fromisoformat(now), BERLIN) == (ends and datetime.fromisoformat(ends))


def test_an_end_that_the_clock_shows_twice_is_the_later_one() -> None:
    until_half_past_two = QuietHours(start=time(22), until=time(2, 30))
    second = datetime(2026, 10, 25, 1, 30, tzinfo=UTC)
    for minutes in (1, 45, 61, 120):
        assert until_half_past_two.end(second - timedelta(minutes=minutes), BERLIN) == second
    assert until_half_past_two.end(second, BERLIN) is None


CLOCKS = st.times().map(lambda clock: clock.replace(second=0, microsecond=0))
ZONES = st.sampled_from(["UTC", "Europe/Berlin", "America/St_Johns", "Australia/Lord_Howe", "Pacific/Apia"]).map(
    ZoneInfo
)
MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(start=CLOCKS, until=CLOCKS, zone=ZONES, now=MOMENTS)
def test_quiet_hours_last_until_they_end(start: time, until: time, zone: ZoneInfo, now: datetime) -> None:
    quiet = QuietHours(start=start, until=until)
    ends = quiet.end(now, zone)
    if ends is not None and start != until:
        assert now < ends <= now + timedelta(hours=27)
        assert quiet.end(ends - timedelta(microseconds=1), zone) == ends


@given(severity=st.sampled_from(SEVERITIES), wakes=st.sampled_from(SEVERITIES[1:]), sent=st.integers(0, 9), now=MOMENTS)
def test_what_wakes_is_never_held_back_and_routine_is_always(
    severity: Severity, wakes: Severity, sent: int, now: datetime
) -> None:
    found = weigh(about(severity), replace(ANNA, wake_from=wakes), sent, now)
    if severity == "routine":
        assert isinstance(found, Later)
    elif at_least(severity, wakes):
        assert isinstance(found, Interrupt)
    elif sent >= ANNA.a_day or NIGHT.end(now, BERLIN):
        assert isinstance(found, Later)
        assert found.until is not None
        assert found.until > now
    else:
        assert isinstance(found, Interrupt)


def test_what_one_agent_asks_is_one_incident_and_what_is_worse_another() -> None:
    early, late, other = about("urgent", at=MIDNIGHT), about("urgent"), about("urgent", agent="day-owl")
    found = merged([about("attention"), late, early, other])
    assert [(one.agent, one.severity, len(one.subjects)) for one in found] == [
        ("night-owl", "urgent", 2),
        ("day-owl", "urgent", 1),
        ("night-owl", "attention", 1),
    ]
    assert found[0].subjects[0].at == MIDNIGHT


def test_of_several_the_deadline_counts_that_ends_a_run() -> None:
    soon = about("urgent", at=MIDNIGHT, deadline=NOON)
    hard = about("urgent", deadline=NOON + timedelta(hours=3), silence_ends=True)
    (one,) = merged([soon, hard])
    assert (one.deadline, one.silence_ends) == (NOON + timedelta(hours=3), True)


@pytest.mark.parametrize(
    "person", [ANNA, Person(name="anna", agents=frozenset({"a", "b"}), wake_from="urgent", a_day=0)]
)
def test_settings_come_back_as_they_were(person: Person) -> None:
    assert person_of("anna", settings_of(person)) == person
