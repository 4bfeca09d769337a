"""Mandates: which moment does a person mean by `friday`, `2026-11-27` or `48h`?"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

_LENGTH: Final = re.compile(r"([1-9][0-9]{0,3}) ?(m|h|d)")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}
_DAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_SHORTEST: Final = 3
"""Letters of a day's name that single it out."""


def moment_of(text: str, now: datetime) -> datetime:
    """The moment in UTC. A day ends at midnight in the zone of `now`; a day's name means the next such day, today included.

    Raises:
        ValueError: it is none of these.
    """
    said = text.strip().lower()
    if match := _LENGTH.fullmatch(said):
        return (now + int(match[1]) * _UNITS[match[2]]).astimezone(UTC)
    days = [number for number, name in enumerate(_DAYS) if len(said) >= _SHORTEST and name.startswith(said)]
    if days:
        return _end_of(now.date() + timedelta(days=(days[0] - now.weekday()) % 7), now)
    try:
        return _end_of(date.fromisoformat(said), now)
    except ValueError:
        pass
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(
            f"{text!r} is no moment: write a day (`friday`, `2026-11-27`), a length of time (`48h`, `7d`) or "
            "`2026-11-27T18:00`"
        ) from None
    return (at if at.tzinfo else at.replace(tzinfo=now.tzinfo)).astimezone(UTC)


def _end_of(day: date, now: datetime) -> datetime:
    return datetime.combine(day + timedelta(days=1), time.min, tzinfo=now.tzinfo).astimezone(UTC)
