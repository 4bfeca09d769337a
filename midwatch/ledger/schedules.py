"""The ledger: which schedules stood when? A schedule that is changed, paused or taken away counts until that moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Select, or_, select, update

from midwatch.ledger.tables import schedules, slot_watches
from midwatch.ledger.transaction import Read, Write, reads, writes

Standing = Literal["active", "breaker", "paused"]
"""`breaker`: its slots are there and held off. `paused` by a person: it has none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """One schedule of one deployment, as it stands."""

    agent: str
    deployment_id: str
    deployment: str
    """Its name."""
    spec_json: str
    """Prefect's own cron, interval or RRULE."""
    parameters_json: str
    """Of the runs that it starts."""
    standing: Standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A schedule as Prefect has it now."""

    schedule: Schedule
    changed_at: datetime
    """When the schedule was made or last changed."""
    deployed_at: datetime
    """When its deployment was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRow:
    """A schedule and the time in which it stood, `since` in it and `until` not."""

    schedule: Schedule
    since: datetime
    until: datetime | None


@writes()
def see_schedules(tx: Write, seen: Sequence[Seen], now: datetime, deployed: Mapping[str, datetime]) -> bool:
    """These are the schedules now, and no others; has anything changed?

    Args:
        deployed: When each deployment that is there was last changed, by its id, those without a schedule too.
    """
    standing = {row.schedule: row for row in _standing(tx)}
    as_seen = {one.schedule: one for one in seen}
    looked: dict[str, datetime] = {row["agent"]: row["until"] for row in tx.all(select(slot_watches))}
    gone = [row for row in standing.values() if row.schedule not in as_seen]
    come = [one for one in as_seen.values() if one.schedule not in standing]
    turned = {_same(one.schedule): _moment(one, looked) for one in come}
    for row in gone:
        moment = turned.get(_same(row.schedule)) or deployed.get(row.schedule.deployment_id)
        _end(tx, row, _within(moment, looked.get(row.schedule.agent), now))
    for one in come:
        since = min(_moment(one, looked), now)
        tx.insert(schedules, **asdict(one.schedule), since=since, until=None)
        tx.journal("schedule_stands", None, **asdict(one.schedule), since=since.isoformat())
    return bool(gone or come)


@reads
def schedules_standing(tx: Read) -> list[ScheduleRow]:
    """Those that stand now."""
    return _standing(tx)


@reads
def schedules_of(tx: Read, agent: str, since: datetime | None = None) -> list[ScheduleRow]:
    """The agent's, those too that stood at `since` or later."""
    mine = select(schedules).where(schedules.c.agent == agent)
    if since is not None:
        mine = mine.where(or_(schedules.c.until.is_(None), schedules.c.until >= since))
    return _rows(tx, mine)


def _standing(tx: Read) -> list[ScheduleRow]:
    return _rows(tx, select(schedules).where(schedules.c.until.is_(None)))


def _rows(tx: Read, query: Select[Any]) -> list[ScheduleRow]:
    """In the order in which they came to stand."""
    names = Schedule.__slots__
    return [
        ScheduleRow(schedule=Schedule(**{name: row[name] for name in names}), since=row["since"], until=row["until"])
        for row in sorted(tx.all(query), key=lambda row: row["schedule_id"])
    ]


def _same(schedule: Schedule) -> tuple[str, str, str, str]:
    """The schedule, paused or not."""
    return schedule.agent, schedule.deployment_id, schedule.spec_json, schedule.parameters_json


def _moment(one: Seen, looked: Mapping[str, datetime]) -> datetime:
    """When it came to stand as it does: the change that was made since somebody last looked."""
    last = looked.get(one.schedule.agent)
    if last is None:
        return one.changed_at
    return min((at for at in (one.changed_at, one.deployed_at) if at > last), default=last)


def _within(moment: datetime | None, looked: datetime | None, now: datetime) -> datetime:
    """A change that nobody dates was made right after somebody last looked: what it took away is not run."""
    if moment is None or (looked is not None and moment < looked):
        return looked or now
    return min(moment, now)


def _end(tx: Write, row: ScheduleRow, at: datetime) -> None:
    mine = [getattr(schedules.c, name) == value for name, value in asdict(row.schedule).items()]
    until = max(at, row.since)
    tx.changed(update(schedules).where(*mine, schedules.c.until.is_(None)).values(until=until))
    tx.journal("schedule_ended", None, **asdict(row.schedule), until=until.isoformat())
