"""The house: the keeper's look for runs that stand still although their process lives."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from cli.duty import Rounds
from tasks.harness.stalled import StalledRuns


@dataclass(kw_only=True)
class StallDuty:
    """Remembers between the rounds since when a run stands where it stands."""

    runs: StalledRuns = field(default_factory=StalledRuns)

    async def __call__(self, rounds: Rounds, _now: datetime) -> list[str]:
        """Looks once; returns what was done, a line each."""
        return await self.runs.end(rounds.ledger, rounds.here.locks)
