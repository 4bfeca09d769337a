"""Permissions: what have the budgets of a tool's rules seen so far? Asked of the ledger before each of its calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Protocol

from midwatch.run import RunFacts
from midwatch.window import Window
from tasks.step.log import RunLog


class Budgets(Protocol):
    """The policy of the run."""

    def windows(self, tool: str) -> tuple[Window, ...]:
        """Of the rules that may allow a call of `tool`."""
        ...


@dataclass(frozen=True, kw_only=True)
class Spending:
    """Of one run's agent, in all its runs."""

    facts: RunFacts
    log: RunLog
    budgets: Budgets

    async def without(self, call_id: str, tool: str) -> Mapping[str, Decimal]:
        """By rule, without what the call itself has drawn in an earlier life of the run."""
        windows = self.budgets.windows(tool)
        if not windows:
            return {}
        now = datetime.now(UTC)
        return await self.log.ledger.spent_in(self.facts.agent, windows, now, run_id=self.facts.run_id, call_id=call_id)
