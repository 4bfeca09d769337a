"""When does a breaker open? Runs in a row, by cause."""

from __future__ import annotations

from datetime import timedelta
from typing import get_args

import pytest

from midwatch.alike import cause_of, shape
from midwatch.breaker import Breaker, Row, counts, in_a_row
from midwatch.judgment import Loop

LIMITS = Breaker(same_cause=3, any_cause=5)


@pytest.mark.parametrize(
    ("causes", "why"),
    [
        ([], None),
        (["a", "a"], None),
        (["a", "a", "a"], Row(cause="a", failures=3)),
        (["a", "a", None, "a"], None),
        (["a", "a", "b", "a"], None),
        (["a", "b", "a", "b"], None),
        (["a", "b", "a", "b", "c"], Row(cause="a", failures=5)),
        (["a", "b", "a", "b", None, "c"], None),
        ([None, "a", "a", "a", "a", "a"], None),
    ],
)
def test_it_opens_after_so_many_of_one_cause_or_so_many_of_any(causes: list[str | None], why: Row | None) -> None:
    assert in_a_row(causes, LIMITS) == why


def test_the_cool_down_doubles_up_to_its_bound() -> None:
    limits = Breaker(cool_down_minutes=60, longest_minutes=300)
    assert [limits.cool_down(n) for n in (1, 2, 3, 4, 1000)] == [timedelta(minutes=m) for m in (60, 120, 240, 300, 300)]


def test_a_failure_has_one_name_whatever_numbers_and_ids_stand_in_it() -> None:
    first = cause_of("failed", "could not push to host-17 at 2026-03-01T03:00:12 (attempt 4)")
    assert first == cause_of("failed", "could not push to host-9 at 2026-03-02T03:00:59 (attempt 11)")
    assert first != cause_of("unverified", "could not push to host-17 at 2026-03-01T03:00:12 (attempt 4)")
    assert shape("disk is full") == "disk is full"


@pytest.mark.parametrize("ending", [*get_args(Loop), None])
def test_a_halt_a_breaker_a_level_and_a_spent_day_say_nothing_about_the_agent(ending: Loop | None) -> None:
    silent = {"halted", "cancelled", "held_off", "denied", "no_budget"}
    assert counts("blocked", ending) == (ending not in silent)
    assert counts("failed", ending)
    assert counts("unknown", ending)
    assert not counts("verified_noop", ending)
