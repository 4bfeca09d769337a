"""Monitoring: is there budget for one more step? Counts what a run uses and stops it at the first limit reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from pydantic_ai.messages import ModelResponse

from midwatch.budget import BudgetSpent, Measure, Meter, Spent, meters
from midwatch.spec import Limits

FREE_PROVIDERS: Final = frozenset({"local", "ollama", "function", "test"})
"""Nobody sends a bill for these; `function` and `test` are pydantic-ai's models for tests."""


class RunBudget:
    """What one run may still use. Not for two tasks at once: a run takes its steps one after the other.

    `before_step` and `charge` go around every model request that really happens (not around a replayed one), and
    `deadline` around all the work between two pauses.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        run: Spent | None = None,
        day: Spent | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`run`: used in this run's earlier lives; `day`: used today by the agent's other runs; `clock`: seconds."""
        self._limits, self._clock = limits, clock
        self._run = replace(run or Spent(), runs=1)
        self._day = day or Spent()
        self._working_since: float | None = None

    @property
    def spent(self) -> Spent:
        """What this run has used so far, the current stretch of work included."""
        if self._working_since is None:
            return self._run
        return self._run + Spent(minutes=(self._clock() - self._working_since) / 60)

    def left(self) -> list[Meter]:
        """Every limit that binds, with what is used, allowed and left."""
        return meters(self._limits, run=self.spent, day=self._day + self.spent)

    def before_step(self) -> None:
        """Before a run's first step and before each model request.

        Raises:
            BudgetSpent: some limit has no room for one more.
        """
        for meter in self.left():
            if meter.used > meter.allowed or (meter.measure != "runs" and meter.left <= 0):
                raise BudgetSpent(meter)

    def charge(self, *, steps: int = 1, tokens: int = 0, usd: float | None = 0.0) -> None:
        """Count what a step used; `usd=None` says that nobody knows its price.

        Raises:
            BudgetSpent: a limit is passed (a limit reached exactly stops the next step, not this one).
        """
        self._run += Spent(steps=steps, tokens=tokens, usd=usd or 0.0, unpriced_steps=steps if usd is None else 0)
        for meter in self.left():
            if meter.used > meter.allowed:
                raise BudgetSpent(meter)

    def charge_response(self, response: ModelResponse) -> None:
        """Count one model request by its response; raises as `charge` does."""
        self.charge(tokens=response.usage.total_tokens, usd=usd_of(response))

    @asynccontextmanager
    async def deadline(self) -> AsyncIterator[None]:
        """Count the time inside as work and cut it off at the limit, even in the middle of a call that hangs.

        Raises:
            BudgetSpent: the minutes of the run or of the day are used up. A `TimeoutError` of the body's own passes.
        """
        meter = self._tightest("minutes")
        if meter.left <= 0:
            raise BudgetSpent(meter)
        timer = asyncio.timeout(meter.left * 60)
        self._working_since = self._clock()
        try:
            async with timer:
                yield
        except TimeoutError:
            if timer.expired():
                raise BudgetSpent(self._tightest("minutes")) from None
            raise
        finally:
            self._run, self._working_since = self.spent, None

    def _tightest(self, measure: Measure) -> Meter:
        return min((meter for meter in self.left() if meter.measure == measure), key=lambda meter: meter.left)


def usd_of(response: ModelResponse) -> float | None:
    """What one response cost: 0 for a model that nobody bills, None where the price is not known."""
    if response.provider_name in FREE_PROVIDERS:
        return 0.0
    if response.usage.cost is not None:
        return float(response.usage.cost)
    if not response.model_name:
        return None
    try:
        return float(response.cost().total_price)
    except (LookupError, ValueError):
        return None
