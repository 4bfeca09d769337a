"""Monitoring: does a row of things repeat itself? The same cycle over and over, found at the same cost however long the row is.

A row is in a cycle of `length` when each of its last things is the one `length` places before it. How long that has been so
is one counter for each length, and no more of the row is kept than the longest cycle.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

LONGEST: Final = 8
"""Calls in a cycle."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cycle:
    """What the row ends in."""

    length: int
    times: int
    """How often it is there, in full, one after the other."""


@dataclass(kw_only=True)
class Repeats:
    """A row that things are added to."""

    longest: int = LONGEST
    _last: deque[str] = field(init=False)
    _same: list[int] = field(init=False)
    """By length of a cycle, less one: how many things in a row are the one so many places before them."""

    def __post_init__(self) -> None:
        self._last, self._same = deque(maxlen=self.longest), [0] * self.longest

    def add(self, thing: str) -> None:
        """One more."""
        for length in range(1, self.longest + 1):
            matches = length <= len(self._last) and self._last[-length] == thing
            self._same[length - 1] = self._same[length - 1] + 1 if matches else 0
        self._last.append(thing)

    def cycle(self) -> Cycle:
        """What the row ends in: the cycle that is there most often, of those the shortest; once where nothing repeats."""
        cycles = [Cycle(length=number, times=1 + same // number) for number, same in enumerate(self._same, start=1)]
        return max(cycles, key=lambda cycle: cycle.times)
