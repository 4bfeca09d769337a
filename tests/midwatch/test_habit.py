"""What lies beyond the habit of an agent is beyond it by a factor, not by a whim, and one strange night does not move it."""

from __future__ import annotations

import random

import pytest

from midwatch.habit import MOST_NAMES, Habit, Traits, bound, habit_of, host_of, reached


def nights(*steps: float) -> list[Traits]:
    return [Traits(steps=one, tools=frozenset({"search"})) for one in steps]


def test_there_is_no_habit_before_there_are_enough_runs() -> None:
    assert habit_of(nights(*[5] * 7), at_least=8) is None
    assert habit_of(nights(*[5] * 8), at_least=8) is not None


def test_runs_that_are_all_alike_may_still_double() -> None:
    assert bound([5] * 8, trifle=1) == pytest.approx(11)
    assert bound([0] * 8, trifle=0.01) == pytest.approx(0.01)


def test_one_strange_night_moves_the_bound_little() -> None:
    usual = [10, 11, 12, 10, 11, 12, 10, 11]
    assert bound([*usual[:-1], 500], trifle=1) < 1.2 * bound(usual, trifle=1)


def test_what_varies_has_a_wider_bound() -> None:
    assert bound([5, 10, 20, 40, 5, 10, 20, 40], trifle=1) > 3 * bound([14] * 8, trifle=1)


@pytest.mark.parametrize("runs", [8, 20])
def test_an_ordinary_night_is_seldom_called_unusual(runs: int) -> None:
    """Nights that vary as logarithms of a normal distribution do, with a deviation of a half: a factor of 1.6."""
    source = random.Random(7)
    nights = [source.lognormvariate(3, 0.5) for _ in range(2000 * (runs + 1))]
    beyond = sum(nights[at + runs] > bound(nights[at : at + runs], trifle=1) for at in range(0, len(nights), runs + 1))
    assert beyond / 2000 < 0.04


def test_amounts_are_told_for_one_item() -> None:
    habit = habit_of([Traits(items=10, steps=20)] * 8, at_least=8)
    assert habit is not None
    assert habit.bounds["steps"] == pytest.approx(5)


def test_a_run_that_reaches_more_than_is_kept_makes_nobody_new() -> None:
    many = Traits(hosts=frozenset(str(number) for number in range(MOST_NAMES)))
    habit = habit_of([*nights(*[1] * 7), many], at_least=8)
    assert habit is not None
    assert (habit.hosts, habit.recipients) == (None, frozenset())


def test_a_habit_survives_being_written_down() -> None:
    habit = habit_of(nights(*[5] * 8), at_least=8)
    assert habit is not None
    assert Habit.model_validate_json(habit.model_dump_json()) == habit


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("https://API.example.org/x?y=https://other.example", "api.example.org"),
        ("see https://example.org", ""),
        ("https://[", ""),
        ("owner@example.org", ""),
        ("plain", ""),
    ],
)
def test_only_a_text_that_is_a_url_has_a_host(text: str, host: str) -> None:
    assert host_of(text) == host


def test_a_call_reaches_the_hosts_of_its_urls_and_the_recipients_of_its_sinks() -> None:
    call = {
        "url": "https://a.example/x",
        "to": ["Ann@B.example"],
        "subject": "hello",
        "more": {"at": "http://c.example"},
    }
    assert reached(call, ["to", "url"]) == (frozenset({"a.example", "c.example"}), frozenset({"ann@b.example"}))
    assert reached({"to": "ann@b.example"}, None) == (frozenset(), frozenset())
