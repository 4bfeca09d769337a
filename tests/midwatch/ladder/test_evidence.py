"""Which recorded actions are evidence: once a day what is clean, not before its time, and everything that is bad."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.ladder import Action, Evidence, Tally, evidence_of

NOON: Final = datetime(2026, 3, 2, 12, tzinfo=UTC)
NOW: Final = NOON + timedelta(days=40)
ACTIONS: Final = st.lists(
    st.builds(
        Action,
        at=st.integers(0, 39 * 24).map(lambda hours: NOON + timedelta(hours=hours)),
        severity=st.sampled_from([0.0, 0.0, 0.0, 0.25, 1.0]),
        args_sha256=st.sampled_from("abc"),
        ripe=st.booleans(),
    ),
    max_size=40,
)
FALLS: Final = st.lists(st.integers(0, 40 * 24).map(lambda hours: NOON + timedelta(hours=hours)), max_size=3)


def action(day: float = 0, args: str = "a", **facts: Any) -> Action:
    return Action(**{"at": NOON + timedelta(days=day), "severity": 0.0, "args_sha256": args, "ripe": True, **facts})


def of(*actions: Action, falls: tuple[float, ...] = ()) -> Evidence:
    return evidence_of(actions, [NOON + timedelta(days=day) for day in falls], NOW)


def test_identical_calls_on_one_day_count_once_as_clean() -> None:
    found = of(action(0), action(0.1), action(0.2, "b"), action(1))
    assert (found.climbs, found.days, found.inputs) == ((Tally(clean=3),), 2, 2)


def test_the_day_is_that_of_utc() -> None:
    west = action(at=NOON.astimezone(), args="a")
    late = action(at=datetime.fromisoformat("2026-03-02T23:00-05:00"))
    assert of(action(0.4), west).climb.clean == 1
    assert of(action(0.4), late).climb.clean == 2


def test_what_waits_for_its_window_does_not_count_unless_it_is_bad() -> None:
    found = of(action(0, ripe=False), action(1, ripe=False, severity=1.0), action(2, ripe=False, severity=0.25))
    assert (found.climb, found.unripe, found.days) == (Tally(minor=1, major=1), 1, 0)


def test_every_bad_one_counts_however_alike() -> None:
    found = of(*[action(severity=1.0)] * 3, *[action(severity=0.25)] * 2, action())
    assert found.climb == Tally(clean=1, minor=2, major=3)


@pytest.mark.parametrize("severity", [0.5, 0.2500001, float("nan"), -1.0, 7.0])
def test_a_severity_of_no_kind_counts_as_the_worst(severity: float) -> None:
    assert of(action(severity=severity)).climb == Tally(major=1)


def test_a_fall_ends_a_climb_and_takes_the_action_that_caused_it() -> None:
    found = of(action(0), action(1, severity=1.0), action(2, "b"), falls=(1,))
    assert found.climbs == (Tally(clean=1, major=1), Tally(clean=1))
    assert (found.days, found.inputs, found.since) == (1, 1, NOON + timedelta(days=2))


def test_after_a_fall_with_nothing_since_there_is_an_empty_climb() -> None:
    found = of(action(0), falls=(1,))
    assert (found.climbs, found.days, found.inputs, found.since) == ((Tally(clean=1), Tally()), 0, 0, None)


def test_what_was_done_before_a_fall_and_is_reported_after_it_belongs_before_it() -> None:
    assert of(action(0, severity=1.0), action(3), falls=(2, 5)).climbs == (Tally(major=1), Tally(clean=1), Tally())


def test_the_rate_is_of_the_last_thirty_days_or_of_those_since_the_first() -> None:
    assert of(*[action(day) for day in range(20, 40)]).per_day == 1.0
    assert of(*[action(day / 2, str(day)) for day in range(80)]).per_day == pytest.approx(2.0, abs=0.05)
    assert of(action(0)).per_day == 0.0
    assert of(action(39.9, ripe=False)).per_day == 1.0
    assert of().per_day == 0.0


@given(ACTIONS, FALLS)
def test_all_that_is_bad_counts_and_what_is_clean_once_a_day_and_arguments(
    actions: list[Action], falls: list[datetime]
) -> None:
    found = evidence_of(actions, falls, NOW)
    clean = {(one.at.date(), one.args_sha256) for one in actions if one.ripe and not one.severity}
    assert len(found.climbs) == len(falls) + 1
    assert sum(climb.clean for climb in found.climbs) == len(clean)
    assert sum(climb.minor for climb in found.climbs) == sum(one.severity == 0.25 for one in actions)
    assert sum(climb.major for climb in found.climbs) == sum(one.severity == 1.0 for one in actions)
    assert found.days <= found.climb.clean
    assert found.inputs <= min(3, found.climb.clean)


@given(ACTIONS, FALLS, st.randoms(use_true_random=False))
def test_the_order_in_which_they_are_read_does_not_matter(
    actions: list[Action], falls: list[datetime], chance: Any
) -> None:
    shuffled = chance.sample(actions, len(actions))
    assert evidence_of(shuffled, falls[::-1], NOW).climbs == evidence_of(actions, falls, NOW).climbs
