"""Monitoring: is there budget for one more step? Counts what a run uses and stops it at the first limit reached."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Final

from pydantic_ai.messages import ModelResponse

from midwatch.budget import BudgetSpent, Measure, Meter, Pool, Spent, Standing, meters
from midwatch.monitors import Stopped
from midwatch.spec import Limits

FREE_PROVIDERS: Final = frozenset({"local", "ollama", "function", "test"})
"""Nobody sends a bill for these; `function` and `test` are pydantic-ai's models for tests."""


class RunBudget:
    """What one run may still use. Not for two tasks at once: a run takes its steps one after the other.

    `refresh`, `before_step` and `charge` go around every model request that really happens (not around a replayed one),
    and `deadline` around all the work between two pauses.
    """

    def __init__(
        self,
        limits: Limits,
        *,
        run: Spent | None = None,
        day: Spent | None = None,
        stall_minutes: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """What the run has used is counted here, what others use is looked up; effects are counted by the ledger alone.

        Args:
            run: used in this run's earlier lives.
            day: used today by the agent's other runs.
            stall_minutes: so long a step may take; None: as long as there are minutes.
            clock: seconds.
        """
        self._limits, self._clock, self._stall_minutes = limits, clock, stall_minutes
        self._run = replace(run or Spent(), runs=1, effects=0)
        self._beside, self._at_refresh = Standing(family=Spent(), day=day or Spent(), house_day=Spent()), Spent()
        self._working_since: float | None = None
        self._refused: Meter | None = None
        self._timer: asyncio.Timeout | None = None
        self._cut_by_stall = False
        self._doing = "it"

    @property
    def spent(self) -> Spent:
        """What this run has used so far, the current stretch of work included."""
        if self._working_since is None:
            return self._run
        return self._run + Spent(minutes=(self._clock() - self._working_since) / 60)

    def refresh(self, standing: Standing) -> None:
        """Take over what the ledger says: of the run what it has used until now, of a day what of that was the day's."""
        self._at_refresh = self.spent
        self._beside = replace(standing, family=standing.family.without(self._at_refresh))

    def left(self) -> list[Meter]:
        """Every limit that binds, with what is used, allowed and left."""
        own, beside = self.spent, self._beside
        since = own.without(self._at_refresh)
        return meters(
            [
                Pool(scope="run", bounds=self._limits, used=replace(beside.family, runs=0) + own),
                Pool(scope="day", bounds=self._limits.per_day, used=beside.day + since),
                *(replace(pool, used=pool.used + since) for pool in beside.parents),
                Pool(scope="house", bounds=beside.house, used=beside.house_day + since),
            ]
        )

    def near(self) -> list[Meter]:
        """The limits of which the last part is being used."""
        return [meter for meter in self.left() if meter.is_near]

    def refuse(self, meter: Meter) -> None:
        """An effect was refused because of this limit: the run takes no further step."""
        self._refused = meter

    def before_step(self) -> None:
        """Before a run's first step and before each model request. How many runs may begin concerns none that has.

        Raises:
            BudgetSpent: some limit has no room for one more, or an effect was refused.
        """
        if self._refused is not None:
            raise BudgetSpent(self._refused)
        for meter in self.left():
            if meter.is_spent and not (meter.measure == "runs" and self._run.steps):
                raise BudgetSpent(meter)

    def has_room(self, *, tokens: int, minutes: float) -> bool:
        """Whether one more request of about so many tokens passes no limit, at the price of those before."""
        usd = self._run.usd / max(1, self._run.tokens) * tokens
        needed = {"steps": 1.0, "tokens": float(tokens), "usd": usd, "minutes": minutes}
        return all(meter.left >= needed.get(meter.measure, 0) for meter in self.left())

    def charge(self, *, steps: int = 1, tokens: int = 0, usd: float | None = 0.0) -> None:
        """Count what a step used; `usd=None` says that nobody knows its price.

        Raises:
            BudgetSpent: a limit is passed (a limit reached exactly stops the next step, not this one).
        """
        self._run += Spent(steps=steps, tokens=tokens, usd=usd or 0.0, unpriced_steps=steps if usd is None else 0)
        for meter in self.left():
            if meter.used > meter.allowed and meter.measure not in ("effects", "runs"):
                raise BudgetSpent(meter)

    def charge_response(self, response: ModelResponse) -> None:
        """Count one model request by its response; raises as `charge` does."""
        self.charge(tokens=response.usage.total_tokens, usd=usd_of(response))

    @asynccontextmanager
    async def deadline(self) -> AsyncIterator[None]:
        """Count the time inside as work and cut it off at the limit, even in the middle of a call that hangs.

        Raises:
            BudgetSpent: the minutes of the run or of the day are used up. A `TimeoutError` of the body's own passes.
            Stopped: no step was finished for `stall_minutes`.
        """
        meter = self._tightest("minutes")
        if meter.left <= 0:
            raise BudgetSpent(meter)
        timer = self._timer = asyncio.timeout(None)
        self._working_since = self._clock()
        try:
            async with timer:
                self.stepped()
                yield
        except TimeoutError:
            if not timer.expired():
                raise
            if self._cut_by_stall:
                raise Stopped(
                    f"no step was finished for {self._stall_minutes:g} minutes, and {self._doing} was cut off"
                ) from None
            raise BudgetSpent(self._tightest("minutes")) from None
        finally:
            self._run, self._working_since, self._timer = self.spent, None, None

    def begun(self, step: str) -> None:
        """A step is begun; what it is called where it has to be cut off."""
        self._doing = step

    def stepped(self) -> None:
        """A step is finished: the next one has its own time."""
        if self._timer is None or self._timer.expired():
            return
        self._doing = "it"
        left, stall = self._tightest("minutes").left, self._stall_minutes
        self._cut_by_stall = stall is not None and stall < left
        minutes = stall if stall is not None and self._cut_by_stall else left
        self._timer.reschedule(asyncio.get_running_loop().time() + minutes * 60)

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
