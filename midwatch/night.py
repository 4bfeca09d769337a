"""Human judgment: which night is meant? By default the last one: since 18:00 of yesterday, where the house is."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

DUSK: Final = time(18)
LONGEST: Final = timedelta(days=31)
_LENGTH: Final = re.compile(r"([1-9][0-9]{0,3})(m|h|d)")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_DAY: Final = timedelta(days=1)


class NightFault(ValueError):
    """What was asked for is no night; the message says what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Night:
    """A while, in UTC."""

    since: datetime
    until: datetime
    """Not after the moment at which it is looked at."""
    ends_on: date
    """The day of its morning, by which the nights before and after it are named."""
    is_last: bool
    """Nothing has happened after it."""


def night_of(now: datetime, zone: ZoneInfo, *, day: str = "", since: str = "") -> Night:
    """The night that ends on `day` (`2026-11-23`), or the while that began `since` so long (`90m`, `24h`, `7d`).

    Raises:
        NightFault: it is no day or no length, it has not begun, or it is longer than `LONGEST`.
    """
    today = now.astimezone(zone).date()
    if since:
        return Night(since=now - _length(since), until=now, ends_on=today, is_last=True)
    if not day:
        return Night(since=dusk(today - _DAY, zone), until=now, ends_on=today, is_last=True)
    wanted = _day(day)
    begins, ends = dusk(wanted - _DAY, zone), dusk(wanted, zone)
    if begins > now:
        raise NightFault(f"The night that ends on {wanted} has not begun.")
    return Night(since=begins, until=min(ends, now), ends_on=wanted, is_last=ends >= now)


def dusk(day: date, zone: ZoneInfo) -> datetime:
    """When a night begins on that day."""
    return datetime.combine(day, DUSK, tzinfo=zone).astimezone(UTC)


def ends_on(at: datetime, zone: ZoneInfo) -> date:
    """The day by which the night is named in which `at` lies."""
    local = at.astimezone(zone)
    return local.date() + _DAY if local.time() >= DUSK else local.date()


def _length(text: str) -> timedelta:
    match = _LENGTH.fullmatch(text)
    if match is None or (length := int(match[1]) * _UNITS[match[2]]) > LONGEST:
        raise NightFault(f"`since` is a length of time of at most {LONGEST.days} days, such as 90m, 24h or 7d.")
    return length


def _day(text: str) -> date:
    """Within the years in which a day has a day before and after it, in every zone."""
    try:
        wanted = datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007  # a day of the calendar, which has no zone
    except ValueError:
        raise NightFault("`day` is the day on which the night ends, such as 2026-11-23.") from None
    if not 1970 <= wanted.year <= 9000:
        raise NightFault("`day` is the day on which the night ends, such as 2026-11-23.")
    return wanted
