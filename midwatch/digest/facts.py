"""Human judgment: what does a digest rest on? What the ledger knows of a while, of the agents that a person answers for."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from zoneinfo import ZoneInfo

from midwatch.budget import Meter, Spent
from midwatch.ledger import AlarmRow, AskRow, BreakerRow, LevelGrant, Pin, RunRow
from midwatch.ledger.between import Done
from midwatch.ledger.mandates import MandateUse
from midwatch.ledger.refused import Refused
from midwatch.severity import Severity

__all__ = ["DayMeter", "Done", "Facts", "Held"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DayMeter:
    """How full a limit of one agent was on one UTC day."""

    agent: str
    day: date
    meter: Meter

    @property
    def share(self) -> float:
        return self.meter.used / self.meter.allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One incident that interrupted nobody."""

    agent: str
    what: str
    """Midwatch's words: `waits for a decision`."""
    severity: Severity
    times: int
    last_at: datetime
    why: str
    subjects: frozenset[str]
    """The questions, or the runs that ended, by id."""
    run_id: str
    """The latest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything within [since, until), unless said otherwise."""

    since: datetime
    until: datetime
    zone: ZoneInfo
    person: str = ""
    runs: tuple[RunRow, ...] = ()
    """Begun or ended in it, or not ended yet."""
    done: tuple[Done, ...] = ()
    waiting: tuple[AskRow, ...] = ()
    """As it is now, the oldest first."""
    severities: Mapping[str, Severity] = field(default_factory=dict)
    """How much each of them matters, by its id; `attention` where it is not told."""
    decided: tuple[AskRow, ...] = ()
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """By agent."""
    meters: tuple[DayMeter, ...] = ()
    """Of the days that it touches."""
    held: tuple[Held, ...] = ()
    """Whatever became of it since."""
    pins: tuple[Pin, ...] = ()
    """All that stand."""
    grants: tuple[LevelGrant, ...] = ()
    proposals: int = 0
    """Rules that wait to be accepted."""
    mandates: tuple[MandateUse, ...] = ()
    """All, newest first."""
    breakers: tuple[BreakerRow, ...] = ()
    """All, as they are now."""
    alarms: tuple[AlarmRow, ...] = ()
    """Those that stood at some time of it."""
    refused: tuple[Refused, ...] = ()
    """Arrivals that no run could take."""

    def held_with(self, subjects: Collection[str]) -> Held | None:
        """Why nobody was interrupted for these questions or runs; None where somebody was, or nothing is noted."""
        return next((one for one in self.held if not one.subjects.isdisjoint(subjects)), None)
