from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from midwatch.until import moment_of

SUNDAY = datetime(2026, 11, 22, 20, 30, tzinfo=timezone(timedelta(hours=1)))


@pytest.mark.parametrize(
    ("said", "moment"),
    [
        ("48h", "2026-11-24T19:30"),
        ("30m", "2026-11-22T20:00"),
        ("7d", "2026-11-29T19:30"),
        ("friday", "2026-11-27T23:00"),
        ("Fri", "2026-11-27T23:00"),
        ("sunday", "2026-11-22T23:00"),
        ("saturday", "2026-11-28T23:00"),
        ("2026-11-27", "2026-11-27T23:00"),
        ("2026-11-27T18:00", "2026-11-27T17:00"),
        ("2026-11-27T18:00Z", "2026-11-27T18:00"),
    ],
)
def test_a_moment_is_the_end_of_a_day_here_or_a_length_of_time_from_now(said: str, moment: str) -> None:
    assert moment_of(said, SUNDAY) == datetime.fromisoformat(moment).replace(tzinfo=UTC)


@pytest.mark.parametrize("said", ["", "soon", "t", "0h", "1w", "99999d", "2026-13-01", "forever", "-2h"])
def test_anything_else_is_no_moment(said: str) -> None:
    with pytest.raises(ValueError, match="is no moment"):
        moment_of(said, SUNDAY)
