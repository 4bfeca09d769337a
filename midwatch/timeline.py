"""Monitoring: what did the night look like? Hours across, a row an agent, a mark a run; as a text picture (SVG: `drawing`)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from midwatch.characters import on_one_line, visible
from midwatch.outcome import Outcome

Look = Outcome | Literal["going_on", "waiting"]

GLYPHS: Final[dict[Look, str]] = {
    "verified_noop": "○",
    "verified": "●",
    "rehearsed": "◌",
    "going_on": "▷",
    "waiting": "◇",
    "blocked": "■",
    "unverified": "▲",
    "failed": "×",
    "unknown": "◆",
}
"""The best first: where several runs share an hour, the worst is seen. No two have the same shape."""
WORDS: Final[dict[Look, str]] = {
    "verified_noop": "nothing to do",
    "verified": "verified",
    "rehearsed": "rehearsed",
    "going_on": "goes on",
    "waiting": "waits for a person",
    "blocked": "blocked",
    "unverified": "unverified",
    "failed": "failed",
    "unknown": "unknown",
}
ORDER: Final[tuple[Look, ...]] = tuple(GLYPHS)
COLUMNS: Final = 26
"""At most, in a text picture."""
LANES: Final = 12
"""Agents that are drawn; the others are counted."""
NAME: Final = 24
"""Characters of an agent's name."""
_LABELLED: Final = 3
"""Every so many columns has its hour above it."""
_HOUR: Final = timedelta(hours=1)
_WIDTHS: Final = (1, 2, 3, 4, 6, 8, 12, 24, 48, 168)
"""Hours in a column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One run."""

    began: datetime
    at: datetime
    """When it ended; while it has not, the end of the timeline."""
    look: Look


@dataclass(frozen=True, slots=True, kw_only=True)
class Lane:
    agent: str
    marks: tuple[Mark, ...]
    """The earliest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeline:
    since: datetime
    until: datetime
    zone: ZoneInfo
    """Whose hours are written on it."""
    lanes: tuple[Lane, ...]

    @property
    def drawn(self) -> tuple[Lane, ...]:
        return self.lanes[:LANES]

    @property
    def looks(self) -> tuple[Look, ...]:
        """Those that occur, for the legend."""
        there = {mark.look for lane in self.drawn for mark in lane.marks}
        return tuple(look for look in ORDER if look in there)

    @property
    def undrawn(self) -> str:
        """Of the agents that find no room; empty where all do."""
        left = len(self.lanes) - len(self.drawn)
        return f"and {left} more {'agent' if left == 1 else 'agents'}" if left else ""

    def inside(self, moment: datetime) -> datetime:
        """`moment`, or the end of the timeline that is nearer."""
        return min(max(moment, self.since), self.until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """The hours of a timeline: columns of one width, the first at a whole hour of the zone."""

    start: datetime
    hours: int
    """In a column."""
    columns: int

    def column(self, moment: datetime) -> int:
        """Where `moment` falls; what lies outside falls on the edge."""
        passed = int((moment - self.start) / (self.hours * _HOUR))
        return min(max(passed, 0), self.columns - 1)

    def moment(self, column: int) -> datetime:
        """When the column begins, in UTC."""
        return self.start + column * self.hours * _HOUR

    def label(self, column: int, zone: ZoneInfo) -> str:
        """Two digits: the hour; the day of the month where a column is a day or more."""
        return f"{self.moment(column).astimezone(zone):{'%H' if self.hours < 24 else '%d'}}"


def grid_of(timeline: Timeline) -> Grid:
    """The narrowest columns that fit."""
    local = timeline.since.astimezone(timeline.zone)
    start = local.replace(minute=0, second=0, microsecond=0).astimezone(UTC)
    total = max((timeline.until - start) / _HOUR, 1)
    hours = next((width for width in _WIDTHS if total <= width * COLUMNS), int(total / COLUMNS) + 1)
    return Grid(start=start, hours=hours, columns=int(-(-total // hours)))


def text_picture(timeline: Timeline) -> str:
    """Lines of one width, for a fixed-width font: the hours, then each agent with the worst of each column."""
    if not timeline.lanes:
        return ""
    grid = grid_of(timeline)
    names = [on_one_line(visible(lane.agent))[:NAME] for lane in timeline.drawn]
    width = max(len(name) for name in names) + 2
    rows = [name.ljust(width) + _cells(lane.marks, grid) for name, lane in zip(names, timeline.drawn, strict=True)]
    legend = "  ".join(f"{GLYPHS[look]} {WORDS[look]}" for look in timeline.looks)
    more = [timeline.undrawn] if timeline.undrawn else []
    return "\n".join([" " * width + _hours(grid, timeline.zone), *rows, *more, legend])


def described(timeline: Timeline) -> str:
    """The picture in words, for whoever cannot see it."""
    first, last = (moment.astimezone(timeline.zone) for moment in (timeline.since, timeline.until))
    told = [
        f"{on_one_line(visible(lane.agent))}: {', '.join(_counted(lane.marks, timeline.zone))}"
        for lane in timeline.drawn
    ]
    more = [timeline.undrawn] if timeline.undrawn else []
    return f"Runs from {first:%d %b %H:%M} to {last:%d %b %H:%M}. {'; '.join([*told, *more]) or 'None'}."


def _counted(marks: Sequence[Mark], zone: ZoneInfo) -> Iterator[str]:
    for look in reversed(ORDER):
        if mine := [mark for mark in marks if mark.look == look]:
            last = max(mark.at for mark in mine).astimezone(zone)
            yield f"{len(mine)} {WORDS[look]}, last at {last:%H:%M}"


def _cells(marks: Sequence[Mark], grid: Grid) -> str:
    cells = ["·"] * grid.columns
    for mark in sorted(marks, key=lambda mark: ORDER.index(mark.look)):
        cells[grid.column(mark.at)] = GLYPHS[mark.look]
    return "".join(cells)


def _hours(grid: Grid, zone: ZoneInfo) -> str:
    labelled = range(0, grid.columns, _LABELLED)
    return "".join(grid.label(column, zone).ljust(_LABELLED) for column in labelled).rstrip()
