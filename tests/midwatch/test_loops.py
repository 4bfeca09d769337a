"""A cycle is found as soon as it has been there so often, and never where something new comes in between."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.loops import LONGEST, Cycle, Repeats


def after(row: str) -> Cycle:
    repeats = Repeats()
    for thing in row:
        repeats.add(thing)
    return repeats.cycle()


@pytest.mark.parametrize(
    ("row", "length", "times"),
    [
        ("", 1, 1),
        ("abc", 1, 1),
        ("aa", 1, 2),
        ("xyzaaa", 1, 3),
        ("ababab", 2, 3),
        ("xabcabcabc", 3, 3),
        ("aabaabaab", 3, 3),
        ("ababx", 1, 1),
        ("abcdefgh" * 2, 8, 2),
        ("abcdefghi" * 3, 1, 1),
    ],
)
def test_a_row_ends_in_a_cycle(row: str, length: int, times: int) -> None:
    assert after(row) == Cycle(length=length, times=times)


@given(
    before=st.text("abc", max_size=12),
    cycle=st.lists(st.integers(), min_size=1, max_size=LONGEST, unique=True),
    times=st.integers(2, 6),
)
def test_every_cycle_is_found_whatever_was_before_it(before: str, cycle: list[int], times: int) -> None:
    repeats = Repeats()
    for thing in [*before, *(str(one) for one in cycle * times)]:
        repeats.add(thing)
    assert (repeats.cycle().length, repeats.cycle().times) == (len(cycle), times)


def test_what_is_kept_does_not_grow() -> None:
    repeats = Repeats()
    for number in range(1000):
        repeats.add(str(number))
    assert len(repeats._last) == LONGEST
