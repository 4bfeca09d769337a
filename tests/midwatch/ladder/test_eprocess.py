"""The e-process: the figures that it is known by, and the properties that its promise rests on."""

from __future__ import annotations

from itertools import accumulate
from math import exp, isclose, log
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.ladder import ALPHA, Fall, Tally, bound, curve, factor, log_e, needed

COUNTS: Final = st.integers(0, 3000)
TALLIES: Final = st.builds(Tally, clean=COUNTS, minor=st.integers(0, 20), major=st.integers(0, 20))
CLIMBS: Final = st.lists(TALLIES, min_size=1, max_size=4)
RATES: Final = st.floats(0.0005, 0.5)
SEVERITIES: Final = st.sampled_from([0.0, 0.25, 1.0])
LIVES: Final = st.lists(SEVERITIES | st.builds(Fall), max_size=60)


def tallies(life: list[float | Fall]) -> list[Tally]:
    """As counted by hand."""
    climbs: list[list[float]] = [[]]
    for one in life:
        if isinstance(one, Fall):
            climbs.append([])
        else:
            climbs[-1].append(one)
    return [Tally(clean=one.count(0.0), minor=one.count(0.25), major=one.count(1.0)) for one in climbs]


@pytest.mark.parametrize(
    ("p0", "clean", "major", "more"),
    [  # by multiplying rationals one by one until 20 is reached
        (0.02, 0, 0, 165),
        (0.02, 165, 0, 0),
        (0.02, 164, 0, 1),
        (0.02, 100, 1, 192),
        (0.005, 0, 0, 664),
        (0.005, 612, 0, 52),
        (0.005, 612, 1, 563),
        (0.005 * 0.26, 0, 0, 2559),
        (0.005 * 0.26, 1000, 0, 1559),
        (0.02 * 0.26, 0, 0, 639),
        (0.05, 0, 0, 65),
    ],
)
def test_so_many_more_clean_actions_are_needed(p0: float, clean: int, major: int, more: int) -> None:
    assert needed([Tally(clean=clean, major=major)], p0) == more


def test_what_is_between_clean_and_major_moves_it_as_the_straight_line_between_them() -> None:
    assert isclose(factor(0.0, 0.02), 0.998 / 0.98)
    assert isclose(factor(1.0, 0.02), 0.1)
    assert isclose(factor(0.25, 0.02), 0.75 * factor(0.0, 0.02) + 0.25 * factor(1.0, 0.02))


@given(st.lists(st.tuples(st.floats(0, 1), st.integers(1, 100)), min_size=1, max_size=8), st.floats(0.001, 0.999))
def test_e_is_not_expected_to_grow_while_it_goes_wrong_as_often_as_p0_or_more(
    spread: list[tuple[float, int]], share: float
) -> None:
    total = sum(weight for _, weight in spread)
    mean = sum(severity * weight for severity, weight in spread) / total
    if not 1e-6 < mean < 0.999:
        return
    expected = [sum(factor(x, p0) * weight for x, weight in spread) / total for p0 in (mean, mean * share)]
    assert isclose(expected[0], 1, abs_tol=1e-9)
    assert expected[1] <= 1 + 1e-9
    assert all(factor(x, mean) > 0 for x, _ in spread)


@given(LIVES, RATES)
def test_counts_say_what_the_actions_say_one_by_one(life: list[float | Fall], p0: float) -> None:
    walked = [0.0, *curve(life, p0)]
    assert len(walked) == len(life) + 1
    assert isclose(walked[-1], log_e(tallies(life), p0), abs_tol=1e-9)


@given(st.lists(SEVERITIES, max_size=30).flatmap(lambda one: st.tuples(st.just(one), st.permutations(one))), RATES)
def test_the_order_within_a_climb_does_not_matter(orders: tuple[list[float], list[float]], p0: float) -> None:
    ends = [[0.0, *curve(one, p0)][-1] for one in orders]
    assert isclose(ends[0], ends[1], abs_tol=1e-9)


@given(LIVES, st.integers(0, 60), RATES)
def test_a_fall_never_raises_e_then_or_later(life: list[float | Fall], where: int, p0: float) -> None:
    fallen = [*life[:where], Fall(), *life[where:]]
    ends = [[0.0, *curve(one, p0)][-1] for one in (life, fallen)]
    assert ends[1] <= ends[0] + 1e-9


@given(LIVES, RATES)
def test_e_is_never_above_the_product_over_all_actions(life: list[float | Fall], p0: float) -> None:
    product = list(accumulate(0.0 if isinstance(one, Fall) else log(factor(one, p0)) for one in life))
    assert all(e <= whole + 1e-9 for e, whole in zip(curve(life, p0), product, strict=True))


@given(CLIMBS, RATES)
def test_what_is_needed_suffices_and_one_fewer_does_not(climbs: list[Tally], p0: float) -> None:
    more, last = needed(climbs, p0), climbs[-1]

    def after(clean: int) -> float:
        return log_e([*climbs[:-1], Tally(clean=last.clean + clean, minor=last.minor, major=last.major)], p0)

    assert after(more) >= -log(ALPHA) - 1e-9
    assert more == 0 or after(more - 1) < -log(ALPHA) + 1e-9


@given(CLIMBS)
def test_the_bound_is_the_least_rate_that_is_ruled_out(climbs: list[Tally]) -> None:
    found = bound(climbs)
    assert 0 < found <= 1
    if 1e-9 < found < 0.999:
        assert needed(climbs, found * 1.001) == 0
        assert needed(climbs, found * 0.999) > 0


@given(CLIMBS, st.integers(1, 500))
def test_the_bound_falls_with_what_is_clean_and_rises_with_what_is_not(climbs: list[Tally], more: int) -> None:
    *before, last = climbs
    cleaner = Tally(clean=last.clean + more, minor=last.minor, major=last.major)
    worse = Tally(clean=last.clean, minor=last.minor, major=last.major + more)
    worst = Tally(clean=last.clean, minor=last.minor, major=last.major + more + 1)
    assert bound([*before, cleaner]) <= bound(climbs) + 1e-12
    assert bound(climbs) <= bound([*before, worse]) + 1e-12
    assert bound([*before, worse]) <= bound([*before, worst]) + 1e-12


@pytest.mark.parametrize("p0", [0.02, 0.2])
def test_of_those_that_go_wrong_too_often_few_are_ever_proposed(p0: float) -> None:
    """Exactly, by the chances of every count of errors after n actions, of those that never got there."""
    chances, got_there = {0: 1.0}, 0.0
    for actions in range(1, 1500):
        after: dict[int, float] = {}
        for errors, chance in chances.items():
            after[errors] = after.get(errors, 0.0) + chance * (1 - p0)
            after[errors + 1] = after.get(errors + 1, 0.0) + chance * p0
        chances = {}
        for errors, chance in after.items():
            if log_e([Tally(clean=actions - errors, major=errors)], p0) >= -log(ALPHA):
                got_there += chance
            elif chance > 1e-12:
                chances[errors] = chance
    assert 0.01 < got_there <= ALPHA


@pytest.mark.parametrize(("p0", "p1"), [(0.0, None), (1.0, None), (0.02, 0.02), (0.02, 0.0), (-0.1, None)])
def test_a_test_of_nothing_is_refused(p0: float, p1: float | None) -> None:
    with pytest.raises(ValueError, match="0 < p1 < p0 < 1"):
        log_e([Tally()], p0, p1)


def test_a_long_clean_life_overflows_nothing() -> None:
    assert needed([Tally(clean=10_000_000)], 0.02) == 0
    assert bound([Tally(clean=10_000_000)]) < 1e-6
    assert exp(log_e([Tally(major=10_000)], 0.02)) == 0
