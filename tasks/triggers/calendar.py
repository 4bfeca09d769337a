"""Trigger: which slots does a schedule have? Prefect's own schedules say so, asked week by week.

What Prefect answers near a change of the clocks depends on the moment from which it is asked: a daily interval that is asked
about before the change and after it has its slot an hour apart, and Prefect's scheduler makes a run of each. Asked for whole
weeks (from Monday, 00:00 UTC) the answer is the same on every machine and at every moment.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from prefect.server.schemas.schedules import SCHEDULE_TYPES
from pydantic import TypeAdapter

from midwatch.ledger import Due, Schedule, ScheduleRow
from midwatch.slots import AWAY

WEEK: Final = timedelta(weeks=1)
_PAGE: Final = 1000
"""Prefect looks at no more candidates at a time."""
_SECOND: Final = timedelta(seconds=1)


def instants(spec_json: str, since: datetime, until: datetime) -> list[datetime]:
    """The schedule's instants in UTC from `since` to before `until`, in order."""
    found: list[datetime] = []
    monday = _monday(since)
    while monday < until:
        found += [instant for instant in _week(spec_json, monday) if since <= instant < until]
        monday += WEEK
    return found


def due_slots(rows: Sequence[ScheduleRow], looked: datetime | None, now: datetime) -> Due:
    """What has come due since somebody looked; at the first look what a house that just came up may have been late for."""
    since = looked + _SECOND if looked is not None else now - AWAY
    active = _slots((row for row in rows if row.schedule.standing == "active"), since, now + _SECOND)
    held = _slots((row for row in rows if row.schedule.standing == "breaker"), since, now + _SECOND)
    return Due(since=looked, until=now, instants=tuple(sorted(active)), held=tuple(sorted(held - active)))


def coming_slots(rows: Sequence[ScheduleRow], since: datetime, until: datetime) -> list[datetime]:
    """Slots of the schedules that stand, from `since` to before `until`, should they go on standing."""
    return sorted(
        _slots((row for row in rows if row.schedule.standing == "active" and row.until is None), since, until)
    )


def schedule_at(rows: Sequence[ScheduleRow], instant: datetime) -> Schedule | None:
    """The schedule that has a slot at this instant."""
    for row in rows:
        if row.schedule.standing != "paused" and instant in _slots([row], instant, instant + _SECOND):
            return row.schedule
    return None


def zone_of(spec_json: str) -> str:
    """The time zone that the schedule is written in."""
    return str(json.loads(spec_json).get("timezone") or "UTC")


def _slots(rows: Iterable[ScheduleRow], since: datetime, until: datetime) -> set[datetime]:
    """Whole seconds, as a slot is named; a schedule stands from the moment that it was made."""
    found: set[datetime] = set()
    for row in rows:
        end = min(until, row.until) if row.until is not None else until
        raw = instants(row.schedule.spec_json, max(since, row.since), end)
        found |= {instant.replace(microsecond=0) for instant in raw}
    return found


def _monday(moment: datetime) -> datetime:
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


@functools.lru_cache(maxsize=512)
def _week(spec_json: str, monday: datetime) -> tuple[datetime, ...]:
    return tuple(sorted(set(_asked(spec_json, monday, monday + WEEK))))


def _asked(spec_json: str, start: datetime, end: datetime) -> Iterator[datetime]:
    schedule = _SPEC.validate_json(spec_json)
    while True:
        # `get_dates` is asynchronous and waits for nothing; this is what it sorts
        dates = [_utc(date) for date in schedule._get_dates_generator(n=_PAGE, start=start, end=end)]
        yield from (date for date in dates if start <= date < end)
        if len(dates) < _PAGE:
            return
        start = max(dates) + _SECOND


def _utc(date: datetime) -> datetime:
    """A plain one: Prefect's are pendulum's."""
    return datetime.fromtimestamp(date.timestamp(), UTC)


_SPEC: Final[TypeAdapter[SCHEDULE_TYPES]] = TypeAdapter(SCHEDULE_TYPES)
