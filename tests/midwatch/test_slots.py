from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.slots import OPEN, Account, Around, Going, SlotState, Stopped, begins, decide, slot_name
from midwatch.triggers import Missed, Overlap, SchedulePolicy

NOW = datetime(2026, 3, 29, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
GOING = Going(run_id="r1", scheduled=True)
BY_A_PERSON = Going(run_id="r1", scheduled=False)


def slots(*states: SlotState, step: timedelta = HOUR) -> list[Account]:
    """One an hour, the last one due now."""
    first = NOW - step * (len(states) - 1)
    return [Account(instant=first + step * number, state=state) for number, state in enumerate(states)]


def after(policy: SchedulePolicy, waiting: list[Account], around: Around) -> list[str]:
    changed = {one.instant: one for one in decide("owl", policy, waiting, around).changed}
    return [changed.get(one.instant, one).state for one in waiting]


ASLEEP = {
    "once": ["missed", "missed", "late"],
    "all": ["late", "late", "late"],
    "skip": ["missed", "missed", "missed"],
}


@pytest.mark.parametrize(("missed", "states"), ASLEEP.items())
def test_what_nobody_was_there_for_is_as_the_file_says(missed: Missed, states: list[str]) -> None:
    around = Around(now=NOW + timedelta(minutes=30), away_since=NOW - timedelta(hours=4))
    assert after(SchedulePolicy(missed=missed), slots("due", "due", "due"), around) == states


def test_a_slot_that_is_on_time_after_waking_is_run_for_those_that_were_missed() -> None:
    around = Around(now=NOW + timedelta(seconds=20), away_since=NOW - timedelta(hours=4))
    assert after(SchedulePolicy(missed="once"), slots("due", "due", "due"), around) == ["missed", "missed", "due"]


def test_a_second_sleep_leaves_one_slot_to_catch_up() -> None:
    around = Around(now=NOW + HOUR / 2, away_since=NOW - HOUR - timedelta(minutes=1))
    assert after(SchedulePolicy(missed="once"), slots("late", "due", "due"), around) == ["missed", "missed", "late"]


def test_a_slot_that_was_due_before_the_house_went_to_sleep_is_still_run() -> None:
    around = Around(now=NOW + timedelta(hours=5), away_since=NOW)
    assert after(SchedulePolicy(missed="skip"), slots("due"), around) == ["due"]


OVERLAPS = [
    ("queue", None, ["due"], ["due"]),
    ("queue", GOING, ["due"], ["queued"]),
    ("queue", GOING, ["queued", "due"], ["queued", "skipped"]),
    ("queue", None, ["due", "due", "due"], ["due", "queued", "skipped"]),
    ("queue", None, ["late", "late", "due"], ["late", "late", "queued"]),
    ("skip", None, ["due"], ["due"]),
    ("skip", GOING, ["due"], ["skipped"]),
    ("skip", BY_A_PERSON, ["due"], ["skipped"]),
    ("skip", None, ["due", "due"], ["due", "skipped"]),
    ("skip", GOING, ["late"], ["late"]),
    ("replace", None, ["due"], ["due"]),
    ("replace", GOING, ["due"], ["queued"]),
    ("replace", GOING, ["queued", "due"], ["skipped", "queued"]),
    ("replace", None, ["due", "due"], ["skipped", "due"]),
]


@pytest.mark.parametrize(("overlap", "going", "states", "expected"), OVERLAPS)
def test_what_overlaps_is_as_the_file_says(
    overlap: Overlap, going: Going | None, states: list[SlotState], expected: list[str]
) -> None:
    around = Around(now=NOW, going=going)
    assert after(SchedulePolicy(overlap=overlap), slots(*states), around) == expected


def test_a_missed_slot_that_finds_a_run_at_work_is_skipped_where_the_file_skips() -> None:
    around = Around(now=NOW + HOUR / 2, away_since=NOW - HOUR / 2, going=GOING)
    assert after(SchedulePolicy(overlap="skip"), slots("due"), around) == ["skipped"]


def test_only_a_scheduled_run_is_replaced() -> None:
    policy = SchedulePolicy(overlap="replace")
    assert decide("owl", policy, slots("due"), Around(now=NOW, going=GOING)).replaces == "r1"
    assert decide("owl", policy, slots("due"), Around(now=NOW, going=BY_A_PERSON)).replaces is None
    assert decide("owl", SchedulePolicy(), slots("due"), Around(now=NOW, going=GOING)).replaces is None


def test_a_halt_skips_every_slot_that_waits_and_says_why() -> None:
    stopped = Stopped(why="halt", reason="everything was halted")
    decided = decide("owl", SchedulePolicy(), slots("queued", "late", "due"), Around(now=NOW, stopped=stopped))
    assert [(one.state, one.why, one.reason) for one in decided.changed] == [
        ("skipped", "halt", "everything was halted")
    ] * 3


@given(st.integers(0, 3600), st.integers(0, 10**6))
def test_jitter_is_the_same_for_the_same_slot_and_within_its_bound(jitter: int, minutes: int) -> None:
    instant, policy = NOW + timedelta(minutes=minutes), SchedulePolicy(jitter_seconds=jitter)
    begin = begins("owl", instant, policy)
    assert instant <= begin <= instant + timedelta(seconds=jitter)
    assert begin == begins("owl", instant, policy)


def test_jitter_spreads_the_agents_of_one_minute() -> None:
    policy = SchedulePolicy(jitter_seconds=600)
    assert len({begins(f"owl-{number}", NOW, policy) for number in range(20)}) > 15


policies = st.builds(
    SchedulePolicy,
    missed=st.sampled_from(["once", "all", "skip"]),
    overlap=st.sampled_from(["queue", "skip", "replace"]),
)


@given(
    policies,
    st.lists(st.sampled_from(sorted(OPEN)), max_size=6),
    st.sampled_from([None, GOING, BY_A_PERSON]),
    st.sampled_from([None, NOW - HOUR * 3]),
    st.integers(0, 90),
)
def test_deciding_again_changes_nothing_and_every_decision_says_why(
    policy: SchedulePolicy, states: list[SlotState], going: Going | None, away: datetime | None, minutes: int
) -> None:
    waiting = slots(*states)
    around = Around(now=NOW + timedelta(minutes=minutes), away_since=away, going=going)
    decided = decide("owl", policy, waiting, around)
    assert all(one.reason for one in decided.changed)
    known = {one.instant: one for one in (*waiting, *decided.changed)}
    still = [one for one in known.values() if one.state in OPEN]
    again = decide("owl", policy, still, Around(now=around.now, going=going))
    assert again.changed == ()
    assert sum(one.state == "queued" for one in still) <= max(1, states.count("queued"))


def test_a_slot_has_one_name_in_every_time_zone() -> None:
    assert (
        slot_name(NOW) == slot_name(NOW.astimezone(ZoneInfo("Europe/Berlin"))) == "schedule 2026-03-29T08:00:00+00:00"
    )
