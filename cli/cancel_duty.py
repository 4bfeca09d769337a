"""The house: the keeper's look for runs that a person cancelled in Prefect."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from cli.duty import Rounds
from tasks.harness.cancelled import CancelledRuns

EACH: Final = timedelta(seconds=15)


@dataclass(kw_only=True)
class CancelDuty:
    """Remembers when it last looked."""

    runs: CancelledRuns = field(default_factory=CancelledRuns)

    async def __call__(self, rounds: Rounds, now: datetime) -> list[str]:
        """Looks now and then; returns what was done, a line each."""
        if self.runs.looked is not None and now - self.runs.looked < EACH:
            return []
        return await self.runs.end(rounds.client, rounds.ledger, rounds.here.locks, now)
