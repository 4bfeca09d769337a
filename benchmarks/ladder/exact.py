"""What is the chance that a class has been promoted by its nth action? Exactly, for actions that go wrong independently."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import sqrt

from midwatch.ladder import Tally, needed


@dataclass(frozen=True, slots=True, kw_only=True)
class Chances:
    at: Sequence[float]
    """Chance that it is promoted at the first, second ... action."""

    @property
    def ever(self) -> float:
        return sum(self.at)

    @property
    def mean(self) -> float:
        """Actions until then, of those that get there; 0 where none does."""
        return sum(number * chance for number, chance in enumerate(self.at, start=1)) / self.ever if self.ever else 0.0

    @property
    def deviation(self) -> float:
        """Of these, its standard deviation."""
        mean, ever = self.mean, self.ever
        squares = sum((number - mean) ** 2 * chance for number, chance in enumerate(self.at, start=1))
        return sqrt(squares / ever) if ever else 0.0

    @property
    def by(self) -> list[float]:
        """Chance that it has been promoted by then."""
        return list(accumulate(self.at))


def in_a_row(length: int, rate: float, actions: int) -> Chances:
    """Of `length` clean ones in a row, starting anew after an error.

    The row is first complete at action n if it is not before n - length, that action is an error, and all after it are
    clean (W. Feller, An Introduction to Probability Theory, vol. 1, XIII.7).
    """
    row = (1 - rate) ** length
    at, not_yet = [0.0] * actions, [1.0] * (actions + 1)
    for n in range(1, actions + 1):
        if n >= length:
            at[n - 1] = row if n == length else not_yet[n - length - 1] * rate * row
        not_yet[n] = not_yet[n - 1] - at[n - 1]
    return Chances(at=at)


def by_evidence(tested: float, rate: float, actions: int) -> Chances:
    """Of the e-process that rules out `tested`, looked at after every action.

    With k errors E is enough from a number of clean actions on, whatever their order. `passing[c]` is the chance to come by
    c clean ones and k errors without having been promoted before.
    """
    at = [0.0] * actions
    passing, errors = [1.0], 0
    while (enough := needed([Tally(major=errors)], tested)) + errors <= actions:
        passing += [0.0] * (enough - len(passing))
        chance = 0.0
        for clean, entered in enumerate(passing):
            chance = chance * (1 - rate) + entered
            passing[clean] = chance * rate
        at[enough + errors - 1] = chance * (1 - rate)
        errors += 1
    return Chances(at=at)
