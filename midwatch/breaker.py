"""Monitoring: when is an agent that fails again and again kept from failing once more?

    closed ── so many failures in a row ──> open ── the cool-down is over ──> half_open ── its one probe is green ──> closed
                                             ^                                    │
                                             └────────── the probe is not ────────┘

While it is open no run of the agent begins; while it is half open, exactly one does. Each time that a probe fails the
cool-down is twice as long; one that says nothing about the agent is followed by another after the same time.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final, Literal, assert_never

from pydantic import BaseModel, ConfigDict, Field

from midwatch.judgment import Loop
from midwatch.outcome import Outcome

BreakerState = Literal["closed", "open", "half_open"]

PROBE: Final = "breaker-probe:"
"""How the idempotency key of the one run begins that is tried."""


class Breaker(BaseModel):
    """`breaker:` of an agent's file. Every agent has one."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    same_cause: Annotated[int, Field(ge=1, le=1000)] = 3
    """It opens after so many runs in a row that ended in the same way: twice may be chance."""
    any_cause: Annotated[int, Field(ge=1, le=1000)] = 5
    """It opens after so many runs in a row that did not end well, in whatever way."""
    cool_down_minutes: Annotated[float, Field(gt=0, le=60 * 24 * 7)] = 60
    """Until one run is tried; twice as long after each one that fails."""
    longest_minutes: Annotated[float, Field(gt=0, le=60 * 24 * 7)] = 60 * 24
    """The cool-down grows no longer than this."""

    def cool_down(self, openings: int) -> timedelta:
        """Until the next probe, when it has opened so often in a row (1 at first)."""
        return timedelta(minutes=min(self.cool_down_minutes * 2 ** min(openings - 1, 20), self.longest_minutes))

    @property
    def most(self) -> int:
        """Runs that have to be looked at to know whether it opens."""
        return max(self.same_cause, self.any_cause)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """Failures in a row."""

    cause: str
    """Of the last one; see `alike.cause_of`."""
    failures: int


def in_a_row(causes: Sequence[str | None], limits: Breaker) -> Row | None:
    """Why the breaker opens, if it does.

    Args:
        causes: of the agent's runs that ended, the latest first; None for one that ended well.
    """
    failed = causes[: next((at for at, cause in enumerate(causes) if cause is None), len(causes))]
    same = failed[: next((at for at, cause in enumerate(failed) if cause != failed[0]), len(failed))]
    if len(same) >= limits.same_cause:
        return Row(cause=str(same[0]), failures=len(same))
    if len(failed) >= limits.any_cause:
        return Row(cause=str(failed[0]), failures=len(failed))
    return None


def counts(outcome: Outcome, ending: Loop | None) -> bool:
    """Whether this ending says something about the agent.

    What a person ended, by a halt or in Prefect, what did not begin because of its level, a day's budget or its breaker, and
    what had rightly nothing to do, says nothing.
    """
    if outcome == "verified_noop":
        return False
    if outcome != "blocked":
        return True
    match ending:
        case "halted" | "cancelled" | "denied" | "no_budget" | "held_off":
            return False
        case "finished" | "nothing_to_do" | "error" | "broken" | "out_of_budget" | "stopped":
            return True
        case "unanswered" | "taken_over" | "unavailable" | None:
            return True
        case _:
            assert_never(ending)
