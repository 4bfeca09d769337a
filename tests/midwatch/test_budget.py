"""What is used up is told with its figures and with the field that would have to change."""

from __future__ import annotations

import pytest

from midwatch.budget import BudgetSpent, Meter, Pool, Scope, Spent, meters, room_for_effect
from midwatch.spec import DayLimits, Limits


def test_every_limit_that_binds_has_a_meter() -> None:
    limits = Limits(per_day=DayLimits(runs=3, usd=5.0))
    pools = [
        Pool(scope="run", bounds=limits, used=Spent(steps=2, effects=3)),
        Pool(scope="day", bounds=limits.per_day, used=Spent(runs=1, usd=0.5)),
    ]
    read = meters(pools)
    assert [(meter.field, meter.used, meter.left) for meter in read] == [
        ("limits.steps", 2, 48),
        ("limits.tokens", 0, 200_000),
        ("limits.usd", 0.0, 1.0),
        ("limits.minutes", 0.0, 30),
        ("limits.effects", 3, 197),
        ("limits.per_day.runs", 1, 2),
        ("limits.per_day.usd", 0.5, 4.5),
    ]


def test_what_is_overdrawn_leaves_nothing_rather_than_less() -> None:
    assert Meter(scope="run", measure="tokens", used=120, allowed=100).left == 0


def test_a_spent_budget_says_which_limit_how_much_and_what_to_do() -> None:
    error = BudgetSpent(Meter(scope="day", measure="usd", used=5.01, allowed=5))
    assert str(error) == (
        "out of budget: 5.01 of 5 US dollars used today; "
        "raise `limits.per_day.usd` in the agent's file, or give it less to do"
    )


def test_what_two_lives_of_a_run_used_adds_up() -> None:
    one = Spent(runs=1, steps=1, tokens=2, usd=0.25, minutes=4, unpriced_steps=5)
    assert one + one == Spent(runs=2, steps=2, tokens=4, usd=0.5, minutes=8, unpriced_steps=10)


@pytest.mark.parametrize(
    ("used", "near"), [({"steps": 39}, False), ({"steps": 40}, True), ({"effects": 160}, True), ({"runs": 3}, False)]
)
def test_the_last_fifth_of_a_limit_is_near_its_end(used: dict[str, int], near: bool) -> None:
    limits = Limits(per_day=DayLimits(runs=3))
    pools = [Pool(scope=scope, bounds=bounds, used=Spent(**used)) for scope, bounds in _bounds(limits)]
    assert any(meter.is_near for meter in meters(pools)) == near


def _bounds(limits: Limits) -> list[tuple[Scope, Limits | DayLimits]]:
    return [("run", limits), ("day", limits.per_day)]


def test_an_effect_needs_room_in_every_pool() -> None:
    run = Pool(scope="run", bounds=Limits(effects=2), used=Spent(effects=1))
    room_for_effect([run])
    house = Pool(scope="house", bounds=DayLimits(effects=1), used=Spent(effects=1))
    with pytest.raises(BudgetSpent, match=r"1 of 1 effects used today by all agents together; .*midwatch budget set"):
        room_for_effect([run, house])


def test_a_part_taken_off_never_leaves_less_than_nothing() -> None:
    assert Spent(steps=2, usd=0.5).without(Spent(steps=3, usd=0.25)) == Spent(usd=0.25)
