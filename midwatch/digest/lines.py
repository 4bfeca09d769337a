"""Human judgment: of what is a digest made? Lines of Midwatch's words, with every word that others chose marked as such.

A channel shows a `str` escaped, and a `Foreign` escaped and as code: so nothing that a model, a tool or a person wrote is
ever markup anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from midwatch.characters import visible
from midwatch.run_ids import short
from midwatch.timeline import Timeline

MOST: Final = 10
"""Lines of one section: a screen of a phone. What is left out is counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreign:
    """Words that Midwatch did not choose: a name, a call, a reason."""

    text: str
    at_most: int = 100
    """Characters that are shown."""

    @property
    def line(self) -> str:
        """One line of it, as it is: whoever shows it spells out what cannot be seen."""
        line = " ".join(self.text[: 4 * self.at_most].split()) or "–"
        return line if len(line) <= self.at_most else f"{line[: self.at_most - 1]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class See:
    """Where more is to be seen."""

    command: str
    """What a person types."""
    run_id: str = ""
    """The run that the line is about, where it is about one."""
    ask_ids: tuple[str, ...] = ()
    """The questions that it asks to be decided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    parts: tuple[str | Foreign, ...]
    see: See | None = None

    @property
    def text(self) -> str:
        """Without markup, for what takes none."""
        return "".join(part if isinstance(part, str) else visible(part.line) for part in self.parts)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    title: str
    lines: tuple[Line, ...]
    """At most `MOST`."""
    left_out: int = 0
    see: See | None = None
    """Where all of it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    person: str
    """Whose it is; empty: the house's own, about all agents."""
    since: datetime
    until: datetime
    zone: ZoneInfo
    headline: tuple[Line, ...]
    """Three lines, on every night."""
    sections: tuple[Section, ...]
    """What needs the person first, then what went wrong, then the rest. None on a quiet night."""
    timeline: Timeline
    figures: Mapping[str, int | float] = field(default_factory=dict)

    @property
    def title(self) -> str:
        """Of the letter, the message and the page: no foreign word stands in it."""
        first, last = self.since.astimezone(self.zone), self.until.astimezone(self.zone)
        began = f"{first:%H:%M}" if first.date() == last.date() else f"{first:%a %d %b %H:%M}"
        return f"Digest: {began} to {last:%a %d %b %H:%M}"


def section(title: str, lines: Iterable[Line], see: See) -> Section:
    """The first lines of it; the others are counted."""
    every = tuple(lines)
    return Section(title=title, lines=every[:MOST], left_out=max(len(every) - MOST, 0), see=see)


def of_run(run_id: str) -> See:
    return See(command=f"midwatch show {short(run_id)}", run_id=run_id)


def counted(number: int, one: str, more: str = "") -> str:
    """`1 run`, `2 runs`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def clock(moment: datetime, zone: ZoneInfo, now: datetime) -> str:
    """The time of day there; with the day where it is not today's."""
    local = moment.astimezone(zone)
    same = local.date() == now.astimezone(zone).date()
    return f"{local:%H:%M}" if same else f"{local:%a %d %b %H:%M}"
