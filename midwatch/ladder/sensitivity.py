"""The ladder: what share of bad actions do the people see who look at them? Measured by planted proposals."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb, fsum
from typing import Final

from midwatch.ladder.thresholds import ASSUMED, CONFIDENCE, MIN_TESTS

STEPS: Final = 60
"""Of a bisection: more than a float can tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivity:
    """Of the people whose answers are the evidence."""

    d: float
    """Share of what is bad that they see at least, 0 to 1. An error that nobody sees counts as clean, so what is found is
    at least d times what is there: the test is of d × p0, and a bound is divided by d."""
    caught: int
    tests: int
    """Planted proposals that were decided."""

    @property
    def assumed(self) -> bool:
        """Too few tests say what it is."""
        return self.tests < MIN_TESTS

    @property
    def words(self) -> str:
        tested = f"{self.caught} of {self.tests} planted tests caught"
        if self.assumed:
            return f"assumed: reviewers see {self.d:.0%} of what is bad ({tested}; from {MIN_TESTS} on they count)"
        return f"reviewers see at least {self.d:.0%} of what is bad ({tested})"


def sensitivity_of(caught: int, tests: int) -> Sensitivity:
    """From so many tests on, what they show at least, with 95 % confidence; before that an assumption, or the share that was
    caught where that is lower.

    Raises:
        ValueError: not 0 <= caught <= tests.
    """
    if not 0 <= caught <= tests:
        raise ValueError(f"{caught} of {tests} tests were caught: no more can be caught than there are")
    if tests >= MIN_TESTS:
        return Sensitivity(d=at_least(caught, tests), caught=caught, tests=tests)
    return Sensitivity(d=min(ASSUMED, caught / tests if tests else 1.0), caught=caught, tests=tests)


def at_least(caught: int, tests: int, *, confidence: float = CONFIDENCE) -> float:
    """The share that is caught at least, with this confidence: the one-sided bound of Clopper and Pearson (1934).

    Below it, so many catches or more would come about by chance with less than 1 - confidence. 0 without any.
    """
    if caught == 0:
        return 0.0
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if _so_many_or_more(caught, tests, middle) < 1 - confidence else (low, middle)
    return low


def _so_many_or_more(caught: int, tests: int, share: float) -> float:
    ways = range(caught, tests + 1)
    return fsum(comb(tests, k) * share**k * (1 - share) ** (tests - k) for k in ways)
