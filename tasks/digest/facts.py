"""Digest: what happened in a while, for one person? Read from the ledger, and the limits from the agents' files."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from midwatch.agents import Agents
from midwatch.attention import Topic
from midwatch.budget import Pool, meters
from midwatch.digest import DayMeter, Facts, Held
from midwatch.ledger import Ledger
from midwatch.ledger.notices import NoticeRow
from tasks.harness.place import Place
from tasks.notices.situations import situations

DAYS: Final = 7
"""Days back from the end for which limits are looked at, however long the while is."""
_SAID: Final[dict[Topic, str]] = {
    "requests": "asked for a decision",
    "doubts": "could not tell whether something had happened",
    "endings": "did not end well",
    "alarms": "was not as it should be",
}

Answers = Callable[[str], bool]
"""Whether a person answers for the agent of this name."""


def everybody(_agent: str) -> bool:
    """The house's own digest is about all agents."""
    return True


async def gather(
    ledger: Ledger,
    here: Place,
    since: datetime,
    until: datetime,
    zone: ZoneInfo,
    *,
    person: str = "",
    answers_for: Answers = everybody,
) -> Facts:
    """All that a digest tells."""
    runs = [run for run in await ledger.runs_between(since, until) if answers_for(run.agent)]
    spent = {name: used for name, used in (await ledger.spent_between(since, until)).items() if answers_for(name)}
    agents = {run.agent for run in runs} | set(spent)
    return Facts(
        person=person,
        since=since,
        until=until,
        zone=zone,
        runs=tuple(runs),
        done=tuple(one for one in await ledger.done_between(since, until) if answers_for(one.agent)),
        waiting=tuple(ask for ask in await ledger.open_asks() if answers_for(ask.agent)),
        severities={one.subjects[0].id: one.severity for one in await situations(ledger, until)},
        decided=tuple(ask for ask in await ledger.decided_between(since, until) if answers_for(ask.agent)),
        spent=spent,
        meters=tuple(await _meters(ledger, here.agents, sorted(agents), days(since, until))),
        held=held_back(await ledger.notices_since(since), person, answers_for),
        pins=tuple(pin for pin in await ledger.pins() if answers_for(pin.agent)),
        grants=tuple(grant for grant in await ledger.grants() if answers_for(grant.agent)),
        proposals=len(list((here.home / "proposals").glob("*.json"))),
        mandates=tuple(use for use in await ledger.mandates_of() if answers_for(use.mandate.agent)),
        breakers=tuple(row for row in await ledger.breakers_of() if answers_for(row.agent)),
        alarms=tuple(row for row in await ledger.alarms_between(since, until) if answers_for(row.agent)),
        refused=tuple(one for one in await ledger.refused_between(since, until) if answers_for(one.agent)),
    )


def days(since: datetime, until: datetime) -> list[date]:
    """The UTC days that it touches, the latest first."""
    first, last = since.astimezone(UTC).date(), until.astimezone(UTC).date()
    return [last - timedelta(days=back) for back in range(min((last - first).days, DAYS) + 1)]


async def _meters(ledger: Ledger, folder: Path, agents: Iterable[str], touched: list[date]) -> list[DayMeter]:
    """The limits of a day that bind, where anything was used; an agent without a readable file has none."""
    found = []
    for agent in agents:
        spec = Agents(folder=folder).readable(agent)
        for day in touched if spec else ():
            used = await ledger.spent_today(agent, day)
            bound = meters([Pool(scope="day", bounds=spec.limits.per_day, used=used)]) if spec else []
            found += [DayMeter(agent=agent, day=day, meter=one) for one in bound if one.used]
    return found


def held_back(rows: Iterable[NoticeRow], person: str, answers_for: Answers) -> tuple[Held, ...]:
    """What this person was not interrupted for; for the house's digest, what nobody was."""
    by_key: dict[str, list[NoticeRow]] = {}
    for row in rows:
        if answers_for(row.agent) and person in ("", row.person):
            by_key.setdefault(f"{row.key} {row.first_at}", []).append(row)
    return tuple(_held(mine[0]) for mine in by_key.values() if _untold(mine))


def _untold(rows: Iterable[NoticeRow]) -> bool:
    return all(row.sent_at is None and row.verdict == "later" for row in rows)


def _held(row: NoticeRow) -> Held:
    latest = row.subjects[-1].run_id if row.subjects else ""
    return Held(
        agent=row.agent,
        what=_SAID[row.topic],
        severity=row.severity,
        times=row.times,
        last_at=row.last_at,
        why=row.why,
        subjects=frozenset(one.subject for one in row.subjects),
        run_id=latest,
    )
