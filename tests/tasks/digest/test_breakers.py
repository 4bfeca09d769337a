"""The digest of a night with an open breaker, and of one with an alarm: one line for each thing."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from midwatch.alike import cause_of
from midwatch.breaker import Row
from midwatch.digest import Digest, digest_of
from tasks.digest.facts import gather
from tasks.harness.place import Place
from tests.tasks.digest.night import DAWN, DUSK, Night, empty_night

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made

UTC = ZoneInfo("UTC")
NO = "could not push to host-"


async def wrong(night: Night, home: Path) -> tuple[list[str], str]:
    """The lines of what went wrong, and the headline."""
    place = Place(project=home, home=home)
    digest: Digest = digest_of(await gather(night.ledger, place, DUSK - timedelta(hours=1), DAWN, UTC))
    lines = [line.text for one in digest.sections if one.title == "Went wrong" for line in one.lines]
    return lines, digest.headline[0].text


async def failing(night: Night, failed: int, held: int) -> None:
    for number in range(failed):
        run = await night.begins("owl")
        await night.ends(run, "failed", f"{NO}{number}")
    why = Row(cause=cause_of("failed", f"{NO}9"), failures=failed)
    await night.ledger.open_breaker("owl", why, last_run=run, probe_at=night.clock.at + timedelta(hours=1))
    for _ in range(held):
        await night.ends(await night.begins("owl"), "blocked", "its breaker is open", ending="held_off")


async def test_three_failures_and_twenty_runs_that_were_held_off_are_one_line(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        night.clock.to(1)
        await failing(night, 3, 20)
        (line,), headline = await wrong(night, tmp_path)
    assert line == (
        "owl failed 3 times, last at 01:06: could not push to host-2; 20 runs held off by its breaker; "
        "its breaker is open since 01:06, one run is tried at 02:06"
    )
    assert "1 thing went wrong (23 runs)" in headline


async def test_a_breaker_that_is_open_stands_there_though_nothing_ran(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        night.clock.at = DUSK - timedelta(days=1)
        await failing(night, 3, 0)
        (line,), headline = await wrong(night, tmp_path)
        await night.ledger.close_breaker("owl", by="anna", because="mended")
        assert await wrong(night, tmp_path) == ([], headline.replace("1 thing went wrong", "nothing went wrong"))
    assert line.startswith("owl: its breaker is open since ")
    assert line.endswith("failed: could not push to host-#")


async def test_an_alarm_is_a_line_until_it_is_over_and_says_so(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        night.clock.to(1)
        await night.ledger.raise_alarm("silence:owl", agent="owl", severity="urgent", what="has had no verified run")
        assert await wrong(night, tmp_path) == (
            ["owl at 01:00: has had no verified run"],
            "Nothing waits for you; 1 thing went wrong.",
        )
        night.clock.to(2)
        await night.ledger.end_alarm("silence:owl", "it is back")
        assert (await wrong(night, tmp_path))[0] == ["owl at 01:00: has had no verified run (over since 02:00)"]
