"""Chaos: what is tried, and what came of it? Values alone, which whoever plans and counts can read without Midwatch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal, get_args

from benchmarks.chaos_run.scenario import Scenario

FaultKind = Literal["duplicates", "lost", "unknown_unasked", "wrong_outcome"]
FAULT_KINDS: Final[tuple[FaultKind, ...]] = get_args(FaultKind)


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that must not be."""

    kind: FaultKind
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kill:
    """How one life ends: at a boundary, or so many seconds after its birth, wherever it is then; neither: by itself."""

    boundary: int | str | None = None
    """Its number in this life, or its name."""
    seconds: float | None = None

    def __bool__(self) -> bool:
        return (self.boundary, self.seconds) != (None, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One run, as it is planned. The same trial goes the same way, except for kills by the clock."""

    number: int
    seed: int
    scenario: Scenario
    kills: Sequence[Kill] = ()
    """Of its first lives; those that come after them are left alone."""
    answers_the_dead: bool = False
    """A person does not wait until a killed run goes on: answers one question, and says what became of a letter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a trial."""

    trial: Trial
    lives: Sequence[int]
    """How many boundaries each of them crossed."""
    killed_at: Sequence[str]
    """The last boundary before each kill."""
    outcome: str | None
    faults: Sequence[Fault]
    seconds: float
