"""Human judgment: is this person interrupted for it now? Attention is a budget: quiet hours, so many a day, and what wakes.

One incident is one notice, however often it repeats. What is held back is weighed again until it is over; what a deadline
ends in the meantime ends as the agent's file says, and stands in the digest.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from midwatch.severity import SEVERITIES, Severity, at_least, next_above

Topic = Literal["requests", "doubts", "endings", "alarms"]
"""Something waits for a decision; nobody saw what happened; a run did not end well; something is not as it should be."""
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class QuietHours:
    """Every day, by the clock on the wall; over midnight where `until` is not after `start`."""

    start: time
    until: time

    def end(self, now: datetime, zone: ZoneInfo) -> datetime | None:
        """When the quiet hours end in which `now` lies; None where it lies in none.

        Where the clocks change at just that time, the night is the longer one.
        """
        today = now.astimezone(zone).date()
        for day in (today - _DAY, today, today + _DAY):
            ends = max(_moments(day + _DAY if self.until <= self.start else day, self.until, zone))
            if min(_moments(day, self.start, zone)) <= now < ends:
                return ends
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who answers for agents."""

    name: str
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("UTC"))
    quiet: QuietHours | None = None
    a_day: int = 6
    """Interruptions, by the person's own calendar."""
    wake_from: Severity = "emergency"
    """From here on they are interrupted at any time, and over the budget."""
    agents: frozenset[str] = frozenset()
    """Those they answer for; empty: all."""

    def answers_for(self, agent: str) -> bool:
        return not self.agents or agent in self.agents

    def day_began(self, now: datetime) -> datetime:
        """Midnight before `now`, where the person is."""
        return min(_moments(now.astimezone(self.zone).date(), time(0), self.zone))

    def day_ends(self, now: datetime) -> datetime:
        """Midnight after `now`, where the person is."""
        return min(_moments(now.astimezone(self.zone).date() + _DAY, time(0), self.zone))


def settings_of(person: Person) -> str:
    """As the ledger keeps them, so that what is said of a day's interruptions needs no Prefect."""
    quiet = [f"{clock:%H:%M}" for clock in (person.quiet.start, person.quiet.until)] if person.quiet else None
    facts = {"zone": person.zone.key, "quiet": quiet, "a_day": person.a_day, "wake_from": person.wake_from}
    return json.dumps({**facts, "agents": sorted(person.agents)}, sort_keys=True)


def person_of(name: str, settings: str) -> Person:
    """Back from what `settings_of` wrote."""
    facts = json.loads(settings)
    quiet = [time.fromisoformat(clock) for clock in facts["quiet"] or ()]
    return Person(
        name=name,
        zone=ZoneInfo(facts["zone"]),
        quiet=QuietHours(start=quiet[0], until=quiet[1]) if quiet else None,
        a_day=facts["a_day"],
        wake_from=facts["wake_from"],
        agents=frozenset(facts["agents"]),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """One question, or one run that has ended."""

    id: str
    """Of the question or the run."""
    run_id: str
    rule: str
    """What asked, or how the run ended: precision is counted by it."""
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What may be worth an interruption; never without a subject."""

    agent: str
    topic: Topic
    severity: Severity
    subjects: tuple[Subject, ...]
    """Oldest first."""
    deadline: datetime | None = None
    """The first one."""
    silence_ends: bool = False
    """At the deadline a run ends without its work, as its agent's file says, or because it cannot go on."""

    @property
    def key(self) -> str:
        """The same for all that is one incident: what an agent asks, whatever the run; what of it nobody saw; its failures.

        What is worse is another incident, so that no notice of something lesser stands in for it.
        """
        return f"{self.agent}:{self.topic}:{self.severity}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt:
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Later:
    why: str
    until: datetime | None = None
    """When it may be told, if it still stands then; None: the digest tells it."""


def weigh(situation: Situation, person: Person, sent_today: int, now: datetime) -> Interrupt | Later:
    """Whether `person` is told now.

    What would be ended by its deadline before they could be told (`silence_ends`) counts one step higher. Whatever else
    runs out in the meantime is denied as its file says: silence is a no, and nothing happens by it.
    """
    severity = situation.severity
    if severity == "routine":
        return Later(why="nobody has to do anything: the digest tells it")
    if at_least(severity, person.wake_from):
        return Interrupt(why=f"{severity}: {person.name} is told at any time")
    held = _held(person, sent_today, now)
    if held is None or held.until is None:
        return Interrupt(why=f"{severity}, {sent_today} of {person.a_day} interruptions before it today")
    if _runs_out(situation, held.until) and at_least(next_above(severity), person.wake_from):
        return Interrupt(why=f"{severity}, and a run would end by it before {person.name} could be told")
    return held


def _held(person: Person, sent_today: int, now: datetime) -> Later | None:
    """What keeps everything from this person at this moment that does not wake them."""
    ends = person.quiet.end(now, person.zone) if person.quiet else None
    if ends is not None:
        return Later(why=f"quiet hours until {ends.astimezone(person.zone):%H:%M}", until=ends)
    if sent_today >= person.a_day:
        return Later(why=f"{sent_today} interruptions today, of {person.a_day}", until=person.day_ends(now))
    return None


def _runs_out(situation: Situation, told: datetime) -> bool:
    return situation.silence_ends and situation.deadline is not None and situation.deadline <= told


def merged(situations: Iterable[Situation]) -> list[Situation]:
    """One for each incident, the worst first."""
    found: dict[str, Situation] = {}
    for one in situations:
        found[one.key] = _together(found[one.key], one) if one.key in found else one
    return sorted(found.values(), key=lambda one: (-SEVERITIES.index(one.severity), one.subjects[0].at))


def _together(one: Situation, other: Situation) -> Situation:
    """The deadline is that of what silence would end, where there is such."""
    subjects = sorted({*one.subjects, *other.subjects}, key=lambda subject: (subject.at, subject.id))
    hard = [each for each in (one, other) if each.silence_ends]
    deadlines = [each.deadline for each in hard or (one, other) if each.deadline is not None]
    return replace(one, subjects=tuple(subjects), deadline=min(deadlines, default=None), silence_ends=bool(hard))


def _moments(day: date, clock: time, zone: ZoneInfo) -> Sequence[datetime]:
    """When it is `clock` there on `day`: once, twice, or never, when the clocks change."""
    return [datetime.combine(day, clock.replace(fold=fold), zone).astimezone(UTC) for fold in (0, 1)]
