"""Worth: what does a month of the agent save, what does it cost, and where do the two meet? Exact arithmetic in US dollars."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from midwatch.worth.answers import Answers
from midwatch.worth.history import History

Basis = Literal["answers", "ledger"]
"""What was assumed, or what was measured."""

_HOUR = Decimal(60)
"""Minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One month of 30 days."""

    runs: Decimal
    pieces: Decimal
    """Of work that was done and verified: each saves a person the time for it."""
    value: Decimal
    model: Decimal
    review: Decimal
    incidents: Decimal
    upkeep: Decimal
    each_looked_at: Decimal
    """What it would cost to look at every run."""

    @property
    def cost(self) -> Decimal:
        return self.model + self.review + self.incidents + self.upkeep

    @property
    def net(self) -> Decimal:
        return self.value - self.cost

    @property
    def unasked(self) -> Decimal:
        """Net, should nothing be asked any more."""
        return self.net + self.review

    @property
    def watched(self) -> Decimal:
        """Net, should a person look at every run, and nothing go wrong any more by that."""
        return self.value - self.model - self.upkeep - self.each_looked_at

    @property
    def scripted(self) -> Decimal:
        """Net of a plain script that does the same: no model, nothing asked."""
        return self.value - self.upkeep

    @property
    def even_runs(self) -> Decimal | None:
        """Runs a month at which value and cost are the same; None: at no number, since each costs more than it saves."""
        gain = self.value - self.model - self.review - self.incidents
        return self.upkeep * self.runs / gain if gain > 0 else None

    def even_minutes(self, minutes: Decimal) -> Decimal | None:
        """Minutes that one piece must save for value and cost to be the same; None where no work is done or time is free.

        Args:
            minutes: as `value` was computed with.
        """
        return minutes * self.cost / self.value if self.value > 0 else None


def balance_of(answers: Answers, history: History | None) -> Balance:
    """Of what was measured, or where there is no history of what was answered."""
    runs = answers.runs_a_month if history is None else history.runs / history.months
    minute = answers.hour_usd / _HOUR
    if history is None:
        pieces = runs * answers.pieces_a_run * (1 - answers.incident_share)
        model, review, bad = runs * answers.model_usd, runs * answers.review_minutes, runs * answers.incident_share
    else:
        months = history.months
        pieces, model, bad = history.pieces / months, history.model_usd / months, history.bad / months
        review = history.review_minutes(answers.review_minutes) / months
    return Balance(
        runs=runs,
        pieces=pieces,
        value=pieces * answers.minutes * minute,
        model=model,
        review=review * minute,
        incidents=bad * answers.incident_minutes * minute,
        upkeep=answers.upkeep_minutes * minute,
        each_looked_at=runs * answers.review_minutes * minute,
    )
