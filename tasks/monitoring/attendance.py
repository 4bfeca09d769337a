"""Monitoring: is there still somebody who looks? Where nobody gives a sign for long enough, agents are trusted with less.

A level above 3 means that nobody is asked; it was granted because somebody reads what became of it. So it falls by one step
for each period without a sign, down to 3, where everything that matters is asked. A sign, and a grant, bring it back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from midwatch.agents import Agents
from midwatch.ledger import Ledger
from midwatch.ledger.falls import FELL

UNSEEN: Final = "unseen:"
"""How the key of such an alarm begins."""
USUAL_DAYS: Final = 14.0
"""Where the agent's file cannot be read; the default of `unseen_days`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attendance:
    """What a round works with."""

    ledger: Ledger
    agents: Agents
    seen: Path
    """A file that the commands a person types touch."""

    async def one_round(self, now: datetime) -> list[str]:
        """Levels that nobody's silence earns any more, and alarms that are over since somebody is back."""
        await self._typed()
        last = await self.ledger.last_sign()
        lines = [await self._lowered(agent, last, now) for agent in await self.ledger.trusted_agents()]
        await self._back(last)
        return [line for line in lines if line]

    async def _typed(self) -> None:
        """Commands leave their sign in a file, since most of them do not open the ledger."""
        try:
            at, owner = datetime.fromtimestamp(self.seen.stat().st_mtime, UTC), self.seen.owner()
        except (OSError, KeyError):
            return
        await self.ledger.person_seen(owner, "cli", at)

    async def _lowered(self, agent: str, last: datetime | None, now: datetime) -> str:
        days = await asyncio.to_thread(self._days, agent)
        if days is None or (last is not None and now - last < timedelta(days=days)):
            return ""
        why = f"no sign of a person for {days:g} days: no answer, no grant, no digest looked at, no command typed"
        grant = await self.ledger.lower_unseen(agent, since=now - timedelta(days=days), because=why)
        if grant is None:
            return ""
        back = f"a look at the digest keeps it there; `midwatch level {agent}` says what brings it back"
        what = f"was put on level {grant.level}: no sign of a person for {days:g} days; {back}"
        await self.ledger.raise_alarm(f"{UNSEEN}{agent}:{grant.level}", agent=agent, severity="attention", what=what)
        return f"{agent} {what}"

    def _days(self, agent: str) -> float | None:
        spec = self.agents.readable(agent)
        return spec.unseen_days if spec else USUAL_DAYS

    async def _back(self, last: datetime | None) -> None:
        """What was taken back for silence, or for cause, has been told."""
        for row in await self.ledger.open_alarms():
            if row.key.startswith((UNSEEN, FELL)) and last is not None and row.raised_at < last:
                await self.ledger.end_alarm(row.key, "a person was there")
