"""The house: what does the keeper watch besides single runs? Breakers, and silences.

Each watch is a duty (`cli/duty.py`) that remembers when it last looked.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cli.duty import Rounds
from cli.sign_of_life import SEEN
from tasks.monitoring.attendance import Attendance
from tasks.monitoring.breaker import Breakers
from tasks.monitoring.silence import Silences

LOOKS_BACK: Final = timedelta(days=1)
"""The first look of a process at runs that ended."""
OVERLAP: Final = timedelta(minutes=1)
"""Clocks differ, and transactions end late."""
EACH: Final = timedelta(seconds=15)
"""Silences and attendance."""


@dataclass(slots=True)
class BreakerWatch:
    """Breakers open, are tried, and close."""

    looked: datetime | None = None

    async def __call__(self, rounds: Rounds, now: datetime) -> list[str]:
        breakers = Breakers(client=rounds.client, ledger=rounds.ledger, agents=rounds.agents)
        done = await breakers.one_round(self.looked or now - LOOKS_BACK, now)
        self.looked = now - OVERLAP
        return done


@dataclass(slots=True)
class SilenceWatch:
    """Agents of which a verified run is expected, and people of whom a sign is."""

    began: datetime | None = None
    looked: datetime | None = None

    async def __call__(self, rounds: Rounds, now: datetime) -> list[str]:
        if self.looked is not None and now - self.looked < EACH:
            return []
        self.looked, self.began = now, self.began or now
        here, ledger = rounds.here, rounds.ledger
        silences = Silences(ledger=ledger, agents=rounds.agents, began=self.began)
        attendance = Attendance(ledger=ledger, agents=rounds.agents, seen=here.home / SEEN)
        return [*await silences.one_round(now), *await attendance.one_round(now)]
