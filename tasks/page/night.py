"""The page: what did last night look like? A picture of the runs, what it cost, what was asked, what went wrong; then each run.

Nothing can be decided here: what waits leads to the page on which it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from markupsafe import Markup

from midwatch.budget import Spent
from midwatch.digest import Digest, Facts, Line, Section
from midwatch.digest.lines import Foreign, See, clock, counted, section
from midwatch.drawing import svg
from midwatch.halt import Halt
from midwatch.ledger import HaltRow, RunRow
from midwatch.ledger.lapses import Lapse
from midwatch.night import Night
from midwatch.outcome import GREEN
from midwatch.timeline import GLYPHS, ORDER, WORDS, Look
from tasks.page.sheet import Page, written
from tasks.page.words import span

MOST: Final = 40
"""Runs of one agent that are listed where all agents are; the others are counted."""
MOST_ALONE: Final = 1000
"""Where only one agent is."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLine:
    """One run, as a link to its story."""

    run_id: str
    look: Look
    when: str
    lasted: str
    reason: Foreign | None
    """Of one that did not end well."""

    @property
    def glyph(self) -> str:
        return GLYPHS[self.look]

    @property
    def word(self) -> str:
        return WORDS[self.look]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentNight:
    """What one agent did in the night."""

    agent: Foreign
    name: str
    """As it is, for an address."""
    told: str
    """`14 failed, 1 verified`."""
    needs_a_look: bool
    runs: tuple[RunLine, ...]
    """The latest first."""
    left_out: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Money:
    """What one agent used."""

    agent: Foreign
    spent: Spent

    @property
    def usd(self) -> str:
        return f"{'at least ' if self.spent.unpriced_steps else ''}{self.spent.usd:.4f}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """The nights beside this one, by the day on which they end."""

    before: date
    after: date | None


def night_page(
    night: Night,
    facts: Facts,
    digest: Digest,
    besides: Sequence[Section],
    page: Page,
    *,
    agent: str = "",
    here: str = "",
) -> str:
    """The whole page; with `agent` the runs of that one alone are listed.

    Args:
        digest: of the same facts.
        besides: what no digest tells, before its sections.
        here: what the address says of the night, for a link to the same one.
    """
    sections = tuple(one for one in (*besides, *digest.sections) if one.lines)
    return written(
        "night.html",
        page,
        title=f"Night: {_while(night, facts.zone)}",
        digest=digest,
        sections=sections,
        picture=Markup(svg(digest.timeline)),  # drawn by us, every foreign word in it escaped
        money=_money(facts),
        agents=_agents(facts, agent),
        around=Around(before=night.ends_on - _DAY, after=None if night.is_last else night.ends_on + _DAY),
        only=agent,
        here=f"{here}&" if here else "",
    )


def _while(night: Night, zone: ZoneInfo) -> str:
    first, last = night.since.astimezone(zone), night.until.astimezone(zone)
    return f"{first:%a %d %b %H:%M} to {last:%a %d %b %H:%M}"


def stopped(halts: Iterable[HaltRow], night: Night, zone: ZoneInfo) -> Section:
    """What was halted at some time of the night; the earliest first."""
    mine = sorted((row for row in halts if row.halt.at < night.until), key=lambda row: row.halt.at)
    return Section(title="Stopped", lines=tuple(_halt(row, night, zone) for row in mine))


def _halt(row: HaltRow, night: Night, zone: ZoneInfo) -> Line:
    said = f"halted by {row.halt.by} ({row.halt.via}) at {clock(row.halt.at, zone, night.until)}: "
    what = _what(row.halt)
    if row.lifted_at is None:
        return Line(parts=(*what, f" {said}", Foreign(text=row.halt.because), "; it still is"))
    lifted = f"; lifted at {clock(row.lifted_at, zone, night.until)}"
    return Line(parts=(*what, f" {said}", Foreign(text=row.halt.because), lifted))


def _what(halt: Halt) -> tuple[str | Foreign, ...]:
    return ("Everything",) if halt.scope == "all" else (f"{halt.scope.capitalize()} ", Foreign(text=halt.name))


def lapsed(lapses: Iterable[Lapse], night: Night, zone: ZoneInfo) -> Section:
    """Slots that nobody ran; a line for each agent and reason."""
    return section(
        "Slots that were not run", (_lapse(one, night, zone) for one in lapses), See(command="midwatch slots")
    )


def _lapse(one: Lapse, night: Night, zone: ZoneInfo) -> Line:
    last = f"{'the last ' if one.times > 1 else ''}that of {clock(one.last, zone, night.until)}"
    why = (": ", Foreign(text=one.reason, at_most=160)) if one.reason else ()
    said = f" {one.state} {counted(one.times, 'slot')}, {last}"
    return Line(parts=(_named(one.agent), said, *why), see=See(command=f"midwatch slots {one.agent}"))


def _money(facts: Facts) -> list[Money]:
    """The dearest first."""
    rows = [Money(agent=_named(agent), spent=spent) for agent, spent in facts.spent.items()]
    return sorted(rows, key=lambda one: (-one.spent.usd, -one.spent.tokens, one.agent.text))


def _agents(facts: Facts, only: str) -> list[AgentNight]:
    """First those of which something did not end well."""
    by_agent: dict[str, list[RunRow]] = {}
    for run in facts.runs:
        if only in ("", run.agent):
            by_agent.setdefault(run.agent, []).append(run)
    waiting = {ask.run_id for ask in facts.waiting}
    most = MOST_ALONE if only else MOST
    told = [_agent(agent, runs, waiting, facts, most) for agent, runs in by_agent.items()]
    return sorted(told, key=lambda one: (not one.needs_a_look, one.name))


def _agent(agent: str, runs: Sequence[RunRow], waiting: set[str], facts: Facts, most: int) -> AgentNight:
    looks = [look_of(run, run.run_id in waiting) for run in runs]
    numbers = [f"{looks.count(look):,} {WORDS[look]}" for look in reversed(ORDER) if look in looks]
    lines = [_run(run, look, facts) for run, look in zip(runs, looks, strict=True)]
    return AgentNight(
        agent=_named(agent),
        name=agent,
        told=f"{counted(len(runs), 'run')}: {', '.join(numbers)}",
        needs_a_look=any(look not in (*GREEN, "going_on") for look in looks),
        runs=tuple(reversed(lines))[:most],
        left_out=max(len(lines) - most, 0),
    )


def look_of(run: RunRow, waits: bool) -> Look:
    """How it ended, or how it stands."""
    return run.outcome or ("waiting" if waits else "going_on")


def _run(run: RunRow, look: Look, facts: Facts) -> RunLine:
    return RunLine(
        run_id=run.run_id,
        look=look,
        when=clock(run.started_at, facts.zone, facts.until),
        lasted=span(_end(run, facts.until) - run.started_at),
        reason=None if look in GREEN or not run.reason else Foreign(text=run.reason, at_most=160),
    )


def _end(run: RunRow, until: datetime) -> datetime:
    return max(run.finished_at or until, run.started_at)


def _named(agent: str) -> Foreign:
    return Foreign(text=agent, at_most=60)
