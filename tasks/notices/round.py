"""Notices: who is to be told of what now? One round, which may be repeated, late, or run twice without harm.

What waits and what went wrong is counted on its incident, weighed, and sent to whoever is to be interrupted. That it is
being sent is on file before, and that it was sent after: where a process dies in between, nobody can know whether it
arrived, and it is sent once more; otherwise never twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from midwatch.attention import Interrupt, Later, Person, Situation, Subject, merged, settings_of, weigh
from midwatch.ledger import Ledger, NoticeRow
from midwatch.ledger.notices import BY_ITSELF, NoticeVerdict
from midwatch.severity import SEVERITIES
from tasks.notices.denied import denied
from tasks.notices.sending import Send, sent, through_block
from tasks.notices.situations import situations
from tasks.notices.words import body, subject

OVERLAP: Final = timedelta(minutes=1)
"""Runs that ended so long before the last look are looked at again: clocks differ, transactions end late."""
LOOKS_BACK: Final = timedelta(days=1)
"""The first look of a process: failures that are older are the digest's."""

LinkTo = Callable[[Situation, str], Awaitable[str]]
"""Where the person of that name looks into it, or decides: an address, or a command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A person, and how they are reached."""

    person: Person
    channels: tuple[str, ...] = ()
    """Prefect's notification blocks, TYPE/NAME, in the order in which they are tried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A notice that goes out now."""

    notice: NoticeRow
    situation: Situation
    told: Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """What ended an incident."""

    by: str
    acted: bool | None = None


GONE: Final = Closing(by="nobody")


@dataclass(slots=True, kw_only=True)
class Notifier:
    """What a round works with."""

    ledger: Ledger
    link_to: LinkTo
    send: Send = through_block
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    looked: datetime | None = None
    known: set[tuple[str, str]] = field(default_factory=set)
    """Person and subject that are counted already, so that nothing is written where nothing is new."""

    async def one_round(self, everybody: Sequence[Told]) -> list[str]:
        """Look at everything once; what was told or could not be, a line each."""
        now = self.clock()
        people = {told.person.name: told for told in everybody}
        rows = await self.ledger.see_people({name: settings_of(told.person) for name, told in people.items()})
        found = await situations(self.ledger, self.looked or now - LOOKS_BACK)
        for row in rows:
            await self._count(people[row.person].person, found, row.since)
        self.known = {(name, one.subjects[0].id) for name in people for one in found}
        self.looked = now - OVERLAP
        due = await self._due(people, {one.subjects[0].id: one for one in found}, now)
        lines = await asyncio.gather(*(self._tell(one) for one in due))
        return [line for some in lines for line in some]

    async def _count(self, person: Person, found: Iterable[Situation], since: datetime) -> None:
        """Runs that ended before this person was there are not told to them."""
        for one in merged(
            one
            for one in found
            if person.answers_for(one.agent)
            and (one.topic != "endings" or one.subjects[0].at >= since)
            and (person.name, one.subjects[0].id) not in self.known
        ):
            await self.ledger.note_situation(person.name, one)

    async def _due(self, people: Mapping[str, Told], found: Mapping[str, Situation], now: datetime) -> list[Due]:
        """What goes out now, the worst first; what is over is closed."""
        due: list[Due] = []
        today = {name: await self.ledger.sent_since(name, told.person.day_began(now)) for name, told in people.items()}
        for notice in sorted(await self.ledger.open_notices(), key=lambda one: -SEVERITIES.index(one.severity)):
            told = people.get(notice.person)
            closing = GONE if told is None else await self._closing(notice)
            if closing is not None:
                await self.ledger.close_notice(notice.notice_id, closing.by, acted=closing.acted)
            elif told is not None and notice.sent_at is None:
                situation = as_it_stands(notice, found)
                if await self._goes_out(notice, weigh(situation, told.person, today[notice.person], now)):
                    today[notice.person] += 1
                    due.append(Due(notice=notice, situation=situation, told=told))
        return due

    async def _goes_out(self, notice: NoticeRow, weight: Interrupt | Later) -> bool:
        verdict: NoticeVerdict = "interrupt" if isinstance(weight, Interrupt) else "later"
        if (notice.verdict, notice.why) != (verdict, weight.why):
            await self.ledger.weighed(notice.notice_id, verdict, weight.why)
        return verdict == "interrupt" and await self.ledger.claim_notice(notice.notice_id)

    async def _closing(self, notice: NoticeRow) -> Closing | None:
        """Why it is over; None where it is not."""
        if notice.topic == "endings":
            green = await self.ledger.green_after(notice.agent, notice.subjects[-1].run_id)
            return Closing(by=f"run {green.run_id}", acted=green.acted) if green else None
        if notice.topic == "alarms":
            return None if await self.ledger.still_open([one.subject for one in notice.subjects]) else GONE
        if any(one.verdict is None for one in notice.subjects):
            return None
        last = max(notice.subjects, key=lambda one: one.decided_at or one.at)
        return GONE if last.via in BY_ITSELF else Closing(by=last.by or "nobody")

    async def _tell(self, one: Due) -> list[str]:
        notice, person = one.notice, one.told.person
        link = await self.link_to(one.situation, person.name)
        line = subject(notice, one.situation, person)
        breaker = await self.ledger.breaker(notice.agent) if notice.topic == "endings" else None
        text = body(notice, one.situation, person, link, breaker) + await denied(self.ledger, notice)
        tried = await sent(self.send, one.told.channels, line, text)
        faults = [f"notice {notice.notice_id} to {person.name}: {fault}" for fault in tried.faults]
        if tried.channel is None:
            await self.ledger.notice_failed(notice.notice_id, "; ".join(tried.faults))
            return faults
        await self.ledger.notice_sent(notice.notice_id, tried.channel)
        return [*faults, f"told {person.name} by {tried.channel}: {line}"]


def as_it_stands(notice: NoticeRow, found: Mapping[str, Situation]) -> Situation:
    """The incident with what of it still waits, of all that there is now."""
    waiting = [found[one.subject] for one in notice.subjects if one.subject in found and notice.topic != "endings"]
    if waiting:
        return merged(replace(one, severity=notice.severity) for one in waiting)[0]
    subjects = tuple(Subject(id=one.subject, run_id=one.run_id, rule=one.rule, at=one.at) for one in notice.subjects)
    return Situation(agent=notice.agent, topic=notice.topic, severity=notice.severity, subjects=subjects)
