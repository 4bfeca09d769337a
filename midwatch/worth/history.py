"""Worth: what has the agent really done in a while? Counts from the ledger, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from statistics import median
from typing import Final
from zoneinfo import ZoneInfo

from midwatch.worth.sequence import Piece

WINDOW: Final = timedelta(days=90)
"""How far back is looked."""
MIN_RUNS: Final = 10
MIN_SPAN: Final = timedelta(days=7)
"""From so many runs over so long on, what was measured counts instead of what was assumed."""
LAST: Final = 10
"""Verified runs whose calls are compared."""
AT_3: Final = 50
"""Runs at level 3, the latest, by which it is judged whether it is reliable there."""
LONGEST: Final = timedelta(minutes=10)
"""Nobody thinks about one request for longer: what took longer was waiting for the person."""
OPENS: Final = time(9)
CLOSES: Final = time(17)
"""Working hours, Monday to Friday."""
MONTH: Final = timedelta(days=30)


@dataclass(frozen=True, slots=True, kw_only=True)
class History:
    """Of one agent, over its runs that began in the window and have ended; not rehearsals, nor what a breaker held off."""

    since: datetime
    """The first of them, or the window's beginning."""
    until: datetime
    runs: int = 0
    verified: int = 0
    noop: int = 0
    bad: int = 0
    """Ended failed, unverified or unknown, so that somebody has to look; or charged with an incident afterwards."""
    pieces: int = 0
    """Of work, in the verified ones that no major incident was found in: files with `for_each`, else runs."""
    starts: tuple[datetime, ...] = ()
    model_usd: Decimal = Decimal(0)
    """Of all days of the window, rehearsals and what has not ended included: it was paid."""
    unpriced: int = 0
    """Steps of a model whose price nobody knows: `model_usd` is a lower bound."""
    deciding: tuple[timedelta, ...] = ()
    """Of each request that a person decided, planted ones too: the most that they can have thought about it. That is the
    time since it was asked, or since their last decision."""
    changed: int = 0
    """Runs in which a person's judgment changed the result: denied, edited, answered, taken over."""
    at_3: int = 0
    green_at_3: int = 0
    """Of the latest runs at level 3 that no person said no to: ended well, and charged with nothing."""
    last: tuple[Piece, ...] = field(default=(), repr=False)
    """What the last verified runs did, the newest first."""

    @property
    def is_enough(self) -> bool:
        return self.runs >= MIN_RUNS and self.until - self.since >= MIN_SPAN

    @property
    def months(self) -> Decimal:
        span = max(self.until - self.since, timedelta(days=1))
        return Decimal(str(span.total_seconds())) / Decimal(str(MONTH.total_seconds()))

    def review_minutes(self, otherwise: Decimal) -> Decimal:
        """Minutes that people spent on deciding; what only took long because nobody was there counts as the usual one.

        Args:
            otherwise: of one decision, where none could be measured.
        """
        seen = [one.total_seconds() / 60 for one in self.deciding if one <= LONGEST]
        usual = Decimal(str(round(median(seen), 3))) if seen else otherwise
        return Decimal(str(round(sum(seen), 3))) + usual * (len(self.deciding) - len(seen))

    def outside(self, zone: str) -> Decimal | None:
        """Share of its runs that began outside working hours; None without a run."""
        return share_outside(self.starts, zone)


def share_outside(moments: tuple[datetime, ...], zone: str) -> Decimal | None:
    """Share of these moments that lie outside working hours there."""
    if not moments:
        return None
    local = [moment.astimezone(ZoneInfo(zone)) for moment in moments]
    inside = sum(one.weekday() < 5 and OPENS <= one.time() < CLOSES for one in local)
    return Decimal(len(local) - inside) / len(local)
