"""Monitoring: what is used up, and what is left? Plain arithmetic over the limits of an agent, a run above it and the house.

A pool is what several runs draw on together: a run with the runs that it starts, an agent's day, the day of the whole house.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal, assert_never

from midwatch.errors import MidwatchError
from midwatch.judgment import Loop
from midwatch.spec import DayLimits, Limits

Measure = Literal["runs", "steps", "tokens", "usd", "minutes", "effects"]
Scope = Literal["run", "parent", "day", "house"]
"""One run with its children; a run that started this one; the agent's UTC day; the UTC day of all agents."""

UNITS: Final[dict[Measure, str]] = {
    "runs": "runs",
    "steps": "steps",
    "tokens": "tokens",
    "usd": "US dollars",
    "minutes": "minutes at work",
    "effects": "effects",
}
WARN_AT: Final = 0.8
"""Share of a limit from which on it is told that it comes to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a run, or all runs of one UTC day, have used."""

    runs: int = 0
    steps: int = 0
    """Model requests."""
    tokens: int = 0
    """Input and output together."""
    usd: float = 0.0
    """What is known of it; see `unpriced_steps`."""
    minutes: float = 0.0
    """At work; waiting for a person does not count."""
    effects: int = 0
    """Begun, whatever came of them."""
    unpriced_steps: int = 0
    """Steps of a paid model whose price nobody knows: `usd` is a lower bound where this is not 0."""

    def said(self) -> str:
        """For a person."""
        least = "at least " if self.unpriced_steps else ""
        return f"{self.steps} steps, {self.tokens:,} tokens, {least}{self.usd:.4f} US dollars"

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            runs=self.runs + other.runs,
            steps=self.steps + other.steps,
            tokens=self.tokens + other.tokens,
            usd=self.usd + other.usd,
            minutes=self.minutes + other.minutes,
            effects=self.effects + other.effects,
            unpriced_steps=self.unpriced_steps + other.unpriced_steps,
        )

    def without(self, part: Spent) -> Spent:
        """What is left of it when `part` is taken off; of no measure less than nothing."""
        return Spent(
            runs=max(0, self.runs - part.runs),
            steps=max(0, self.steps - part.steps),
            tokens=max(0, self.tokens - part.tokens),
            usd=max(0.0, self.usd - part.usd),
            minutes=max(0.0, self.minutes - part.minutes),
            effects=max(0, self.effects - part.effects),
            unpriced_steps=max(0, self.unpriced_steps - part.unpriced_steps),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """What is drawn on together, how much of it there is, and what is used."""

    scope: Scope
    bounds: Limits | DayLimits
    used: Spent

    def meters(self) -> list[Meter]:
        """One for every limit that binds."""
        bound = [(measure, getattr(self.bounds, measure, None)) for measure in UNITS]
        return [
            Meter(scope=self.scope, measure=measure, used=getattr(self.used, measure), allowed=allowed)
            for measure, allowed in bound
            if allowed is not None
        ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """All that a run draws on, as the ledger has it at one moment; this run's own share is in every figure."""

    family: Spent
    """This run and the runs that it started."""
    day: Spent
    house_day: Spent
    """Nothing, where nobody has set a limit of the house."""
    house: DayLimits = field(default_factory=DayLimits)
    parents: tuple[Pool, ...] = ()
    """Of each run above this one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meter:
    """One limit with its reading."""

    scope: Scope
    measure: Measure
    used: float
    allowed: float

    @property
    def left(self) -> float:
        return max(0.0, self.allowed - self.used)

    @property
    def is_near(self) -> bool:
        """The last part of it is being used. How many runs may begin concerns none that has begun."""
        return self.measure != "runs" and self.used >= WARN_AT * self.allowed

    @property
    def is_spent(self) -> bool:
        """No further step is taken, and no run begins. Effects are refused one by one, as they begin."""
        if self.measure == "effects":
            return False
        return self.used > self.allowed or (self.measure != "runs" and self.left <= 0)

    @property
    def field(self) -> str:
        """What it is called wherever it is written down."""
        match self.scope:
            case "run":
                return f"limits.{self.measure}"
            case "day":
                return f"limits.per_day.{self.measure}"
            case "parent" | "house":
                return f"{self.scope}.{self.measure}"
            case _:
                assert_never(self.scope)

    def said(self) -> str:
        """`40 of 50 steps used in this run`."""
        when = {
            "run": "in this run",
            "parent": "by the run that started this one and all that it started",
            "day": "today",
            "house": "today by all agents together",
        }[self.scope]
        return f"{self.used:.4g} of {self.allowed:.4g} {UNITS[self.measure]} used {when}"

    def remedy(self) -> str:
        """What a person does about it."""
        match self.scope:
            case "run" | "day":
                return f"raise `{self.field}` in the agent's file, or give it less to do"
            case "parent":
                return f"raise `limits.{self.measure}` in the file of the agent that started it, or give it less to do"
            case "house":
                return f"an operator raises it: `midwatch budget set --{self.measure} N --because ...`"
            case _:
                assert_never(self.scope)


class BudgetSpent(MidwatchError):
    """A limit is reached: the run ends as `blocked`. `meter` says which, how much was used and how much was allowed."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        super().__init__(f"out of budget: {meter.said()}; {meter.remedy()}")

    @property
    def loop(self) -> Loop:
        """How the run ends: at a limit of its own, or because others have used up what it draws on."""
        return "out_of_budget" if self.meter.scope == "run" else "no_budget"


def meters(pools: Iterable[Pool]) -> list[Meter]:
    """Every limit that binds."""
    return [meter for pool in pools for meter in pool.meters()]


def room_for_effect(pools: Iterable[Pool]) -> None:
    """Before an effect begins.

    Raises:
        BudgetSpent: some pool has no room for one more.
    """
    for meter in meters(pools):
        if meter.measure == "effects" and meter.left < 1:
            raise BudgetSpent(meter)
