"""What happens to a class in one life? Drawn: the clean actions up to each error at once, so that a life is quick."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil, log, log1p
from random import Random
from typing import Literal, Protocol

from midwatch.ladder import ALPHA, CLEAN, MAJOR, factor

Move = Literal["up", "fall"]
Phase = tuple[int, float]
"""So many actions, each of which goes wrong with this chance."""


class Climber(Protocol):
    """A way to tell when a class may be promoted."""

    def left(self) -> int:
        """Further clean actions until then, at least 1."""

    def clean(self, actions: int) -> None: ...

    def error(self) -> None: ...

    def fall(self) -> None: ...


@dataclass(kw_only=True)
class InARow:
    length: int
    row: int = 0

    def left(self) -> int:
        return self.length - self.row

    def clean(self, actions: int) -> None:
        self.row += actions

    def error(self) -> None:
        self.row = 0

    def fall(self) -> None:
        self.row = 0


@dataclass(kw_only=True)
class ByEvidence:
    tested: float
    log_e: float = 0.0
    gain: float = field(init=False)
    loss: float = field(init=False)
    enough: float = -log(ALPHA)

    def __post_init__(self) -> None:
        self.gain, self.loss = log(factor(CLEAN, self.tested)), log(factor(MAJOR, self.tested))

    def left(self) -> int:
        return max(1, ceil((self.enough - self.log_e) / self.gain))

    def clean(self, actions: int) -> None:
        self.log_e += actions * self.gain

    def error(self) -> None:
        self.log_e += self.loss

    def fall(self) -> None:
        self.log_e = min(self.log_e, 0.0)


def life(climber: Climber, phases: Sequence[Phase], chance: Random, *, first: bool = False) -> list[tuple[int, Move]]:
    """What moved the class, with the number of the action; `first`: up to its first promotion.

    While it may do it unasked nobody looks, so nothing clean counts; the first error makes it fall.
    """
    moves: list[tuple[int, Move]] = []
    trusted, ended = False, 0
    for actions, rate in phases:
        done, ended, scale = ended, ended + actions, 1 / log1p(-rate)
        while done < ended:
            clean = min(int(log(1.0 - chance.random()) * scale), ended - done)
            if not trusted:
                left = climber.left()
                trusted = left <= clean
                climber.clean(min(left, clean))
                if trusted:
                    moves.append((done + left, "up"))
                    if first:
                        return moves
            done += clean
            if done == ended:
                break
            done += 1
            climber.error()
            if trusted:
                climber.fall()
                moves.append((done, "fall"))
                trusted = False
    return moves
