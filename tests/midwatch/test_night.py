"""Which night is meant: the last one, one of a day, or a while; by the clock of the house, however the clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.night import LONGEST, NightFault, dusk, ends_on, night_of

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def test_the_last_night_began_at_18_of_yesterday_and_ends_now() -> None:
    night = night_of(NOW, BERLIN)
    assert (night.since, night.until) == (datetime(2026, 11, 22, 17, 0, tzinfo=UTC), NOW)
    assert (night.ends_on, night.is_last) == (date(2026, 11, 23), True)


def test_yesterday_is_that_of_the_house() -> None:
    late = datetime(2026, 11, 22, 23, 30, tzinfo=UTC)
    assert night_of(late, BERLIN).since == datetime(2026, 11, 22, 17, 0, tzinfo=UTC)
    assert night_of(late, ZoneInfo("America/New_York")).since == datetime(2026, 11, 21, 23, 0, tzinfo=UTC)


def test_a_day_names_the_night_that_ends_on_it() -> None:
    night = night_of(NOW, BERLIN, day="2026-11-20")
    assert (night.since, night.until) == (dusk(date(2026, 11, 19), BERLIN), dusk(date(2026, 11, 20), BERLIN))
    assert not night.is_last
    assert night_of(NOW, BERLIN, day="2026-11-23") == night_of(NOW, BERLIN)


def test_the_night_in_which_the_clocks_go_forward_is_an_hour_shorter() -> None:
    night = night_of(NOW, BERLIN, day="2026-03-29")
    assert night.until - night.since == timedelta(hours=23)


@pytest.mark.parametrize(("text", "hours"), [("90m", 1.5), ("24h", 24), ("7d", 168), ("31d", 744)])
def test_a_length_of_time_ends_now(text: str, hours: float) -> None:
    night = night_of(NOW, BERLIN, since=text)
    assert (night.since, night.until) == (NOW - timedelta(hours=hours), NOW)


@pytest.mark.parametrize("since", ["32d", "0h", "24", "-1h", "9999d", "1e3h", "yesterday", "１h", "24h ", "24H"])
def test_what_is_no_length_is_refused(since: str) -> None:
    with pytest.raises(NightFault, match=f"at most {LONGEST.days} days"):
        night_of(NOW, BERLIN, since=since)


@pytest.mark.parametrize("day", ["2026-02-30", "23.11.2026", "today", "0001-01-01", "9999-12-31", "2026-11-23T00:00"])
def test_what_is_no_day_is_refused(day: str) -> None:
    with pytest.raises(NightFault, match="2026-11-23"):
        night_of(NOW, BERLIN, day=day)


def test_a_night_that_has_not_begun_is_refused() -> None:
    with pytest.raises(NightFault, match="has not begun"):
        night_of(NOW, BERLIN, day="2026-11-24")


@given(st.text(max_size=12), st.text(max_size=12))
def test_whatever_stands_in_the_address_is_a_night_or_refused(day: str, since: str) -> None:
    try:
        night = night_of(NOW, BERLIN, day=day, since=since)
    except NightFault:
        return
    assert night.since < night.until <= NOW


@given(st.integers(946_684_800, 2_208_988_800).map(lambda second: datetime.fromtimestamp(second, UTC)))
def test_every_moment_lies_in_the_night_that_it_is_named_by(at: datetime) -> None:
    day = ends_on(at, BERLIN)
    night = night_of(datetime(2050, 1, 1, tzinfo=UTC), BERLIN, day=f"{day}")
    assert night.since <= at < night.until
