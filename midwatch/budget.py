"""Monitoring: what is used up, and what is left? Plain arithmetic over the limits of an agent's file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from midwatch.errors import MidwatchError
from midwatch.spec import DayLimits, Limits

Measure = Literal["runs", "steps", "tokens", "usd", "minutes"]
Scope = Literal["run", "day"]

UNITS: Final[dict[Measure, str]] = {
    "runs": "runs",
    "steps": "steps",
    "tokens": "tokens",
    "usd": "US dollars",
    "minutes": "minutes at work",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What a run, or an agent on one UTC day, has used."""

    runs: int = 0
    steps: int = 0
    """Model requests."""
    tokens: int = 0
    """Input and output together."""
    usd: float = 0.0
    """What is known of it; see `unpriced_steps`."""
    minutes: float = 0.0
    """At work; waiting for a person does not count."""
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
            unpriced_steps=self.unpriced_steps + other.unpriced_steps,
        )


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
    def field(self) -> str:
        """Where the limit stands in the agent's file."""
        return f"limits.{'per_day.' if self.scope == 'day' else ''}{self.measure}"


class BudgetSpent(MidwatchError):
    """A limit is reached: the run ends as `blocked`. `meter` says which, how much was used and how much was allowed."""

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        when = "today" if meter.scope == "day" else "in this run"
        super().__init__(
            f"out of budget: {meter.used:.4g} of {meter.allowed:.4g} {UNITS[meter.measure]} used {when}; "
            f"raise `{meter.field}` in the agent's file, or give it less to do"
        )


def meters(limits: Limits, *, run: Spent, day: Spent) -> list[Meter]:
    """Every limit that binds; `day` holds the agent's whole day, this run included."""
    return [*_meters("run", limits, run), *_meters("day", limits.per_day, day)]


def _meters(scope: Scope, bounds: Limits | DayLimits, spent: Spent) -> list[Meter]:
    bound = [(measure, getattr(bounds, measure, None)) for measure in UNITS]
    return [
        Meter(scope=scope, measure=measure, used=getattr(spent, measure), allowed=allowed)
        for measure, allowed in bound
        if allowed is not None
    ]
