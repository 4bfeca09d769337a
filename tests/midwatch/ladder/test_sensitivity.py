"""The share of bad actions that reviewers see: how it is bounded, and what is taken while nobody knows."""

from __future__ import annotations

from math import comb, isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.ladder import ASSUMED, at_least, sensitivity_of


@pytest.mark.parametrize(
    ("caught", "tests", "bound"),
    [(0, 5, 0.0), (1, 1, 0.05), (5, 5, 0.05 ** (1 / 5)), (9, 10, 0.6058), (95, 100, 0.8977)],
)
def test_the_bound_is_that_of_clopper_and_pearson(caught: int, tests: int, bound: float) -> None:
    assert isclose(at_least(caught, tests), bound, abs_tol=1e-4)


@given(st.integers(1, 60), st.floats(0.01, 0.99))
def test_a_bound_that_is_too_high_comes_about_in_at_most_one_case_of_twenty(tests: int, share: float) -> None:
    wrong = [caught for caught in range(tests + 1) if at_least(caught, tests) > share]
    assert sum(comb(tests, k) * share**k * (1 - share) ** (tests - k) for k in wrong) <= 0.05 + 1e-9


@given(st.integers(1, 200).flatmap(lambda tests: st.tuples(st.integers(0, tests), st.just(tests))))
def test_it_is_a_share_below_what_was_seen(counted: tuple[int, int]) -> None:
    caught, tests = counted
    assert 0 <= at_least(caught, tests) <= caught / tests


@pytest.mark.parametrize(
    ("caught", "tests", "d", "assumed"),
    [
        (0, 0, ASSUMED, True),
        (9, 9, ASSUMED, True),
        (1, 4, 0.25, True),
        (0, 3, 0.0, True),
        (0, 10, 0.0, False),
        (10, 10, 0.05 ** (1 / 10), False),
        (40, 100, 0.3176, False),
    ],
)
def test_ten_tests_count_and_fewer_can_only_lower_the_assumption(
    caught: int, tests: int, d: float, assumed: bool
) -> None:
    found = sensitivity_of(caught, tests)
    assert isclose(found.d, d, abs_tol=1e-4)
    assert found.assumed is assumed
    assert found.words.startswith("assumed" if assumed else "reviewers see at least")


def test_more_catches_than_tests_are_refused() -> None:
    with pytest.raises(ValueError, match="11 of 10"):
        sensitivity_of(11, 10)
