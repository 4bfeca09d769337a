"""A week of slots: which were there, which will be, and what became of each? Values, and the picture of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from cli import terminal
from midwatch.calls import visible
from midwatch.outcome import GREEN, Outcome
from midwatch.run_ids import short
from midwatch.slots import SlotState, SlotWhy

Shown = SlotState | Literal["coming"]

LETTERS: Final[dict[Shown, str]] = {
    "ran": "R",
    "caught_up": "C",
    "skipped": "S",
    "missed": "M",
    "due": "d",
    "queued": "q",
    "late": "l",
    "coming": "·",
}
WORDS: Final[dict[Shown, str]] = {
    "ran": "ran",
    "caught_up": "ran late",
    "skipped": "skipped",
    "missed": "missed",
    "due": "due",
    "queued": "waits for the run before it",
    "late": "to be run late",
    "coming": "to come",
}
_LISTED: Final = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenSlot:
    """One slot, as people are shown it."""

    instant: datetime
    """In the schedule's zone."""
    state: Shown
    why: SlotWhy = ""
    reason: str = ""
    run_id: str = ""
    outcome: Outcome | None = None

    @property
    def colour(self) -> str:
        """Green only where the run's outcome is."""
        match self.state:
            case "ran" | "caught_up":
                return "yellow" if self.outcome is None else "green" if self.outcome in GREEN else "red"
            case "missed":
                return "red"
            case "skipped":
                return "magenta"
            case "coming":
                return "dim"
            case _:
                return "cyan"


@dataclass(frozen=True, slots=True, kw_only=True)
class Week:
    """An agent's slots from Monday to Sunday in the zone of its schedule."""

    agent: str
    zone: str
    monday: date
    slots: tuple[SeenSlot, ...]
    schedules: tuple[str, ...]
    """In words."""
    accounted_until: datetime | None

    def days(self) -> list[date]:
        """Its seven days."""
        return [self.monday + timedelta(days=number) for number in range(7)]

    def clocks(self, day: date) -> str:
        """By how much the clocks change on that day; empty where they do not."""
        zone = ZoneInfo(self.zone)
        ends = (datetime.combine(at, time(), zone).utcoffset() for at in (day, day + timedelta(days=1)))
        before, after = (offset or timedelta() for offset in ends)
        minutes = int((after - before).total_seconds() // 60)
        return "" if not minutes else f"{minutes:+d} min"

    def counted(self) -> dict[Shown, int]:
        """How many of each state."""
        return {state: count for state in LETTERS if (count := sum(one.state == state for one in self.slots))}


def week_of(today: date, week: int) -> date:
    """The Monday of that week; 0 is this one."""
    return today - timedelta(days=today.weekday()) + timedelta(weeks=week)


def picture(week: Week) -> RenderableType:
    """By day and hour; what did not simply run is listed below, with its reason."""
    table = Table(
        title=f"{week.agent}, week of {week.monday}, {week.zone}", box=None, pad_edge=False, title_justify="left"
    )
    table.add_column("")
    for day in week.days():
        clocks = week.clocks(day)
        table.add_column(
            Text(f"{day:%a %d}" + (f"\nclocks {clocks}" if clocks else ""), style="bold" if clocks else "")
        )
    for hour in sorted({one.instant.hour for one in week.slots}):
        table.add_row(f"{hour:02}:00", *(_cell(week.slots, day, hour) for day in week.days()))
    parts: list[RenderableType] = [table, Text()]
    parts += [Text(f"{LETTERS[state]} {WORDS[state]}: {count}") for state, count in week.counted().items()]
    return Group(*parts, *_reasons(week))


def _cell(slots: Sequence[SeenSlot], day: date, hour: int) -> Text:
    cell = Text()
    for one in slots:
        if (one.instant.date(), one.instant.hour) == (day, hour):
            cell.append(LETTERS[one.state], style=one.colour)
    return cell


def _reasons(week: Week) -> list[RenderableType]:
    told = [one for one in week.slots if one.state != "coming" and (one.reason or one.state != "ran")]
    if not told:
        return []
    table = terminal.table("", "slot", "", "why", "run")
    for one in told[-_LISTED:]:
        why = Text(visible(one.reason) or one.why)
        state = Text(WORDS[one.state], style=one.colour)
        table.add_row(LETTERS[one.state], f"{one.instant:%a %H:%M %Z}", state, why, short(one.run_id))
    left_out = [Text(f"... and {len(told) - _LISTED} before these: --json has them")] if len(told) > _LISTED else []
    return [Text(), table, *left_out]
