"""Levels and probes: what was granted last counts, and nobody rises because time passes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from midwatch.run import LEVELS, Level

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
DAY = timedelta(days=1)


async def grant(ledger: Ledger, level: Level, until: datetime | None = None, **changes: Any) -> None:
    """With what is below it, where that is above 3."""
    told = {"by": "operator", "because": "40 clean nights", **changes}
    for each in (*range(4, level), level):
        await ledger.grant_level("night-owl", LEVELS[each - 1], until=until, **told)


async def test_an_agent_that_nobody_granted_anything_stands_at_3(ledger: Ledger) -> None:
    assert await ledger.level_of("night-owl", START) == 3


@pytest.mark.parametrize(("granted", "stands", "after"), [(5, 5, 3), (4, 4, 3), (3, 3, 3), (2, 2, 2), (1, 1, 1)])
async def test_a_grant_runs_out_and_nobody_rises(ledger: Ledger, granted: Level, stands: int, after: int) -> None:
    await grant(ledger, granted, until=START + DAY)
    assert await ledger.level_of("night-owl", START + DAY - timedelta(microseconds=1)) == stands
    assert await ledger.level_of("night-owl", START + DAY) == after


async def test_the_latest_grant_counts_even_when_it_is_lower_and_shorter(ledger: Ledger) -> None:
    await grant(ledger, 5, until=START + 30 * DAY)
    await grant(ledger, 2, until=START + DAY, because="wrote to the wrong customer")
    assert await ledger.level_of("night-owl", START) == 2
    assert await ledger.level_of("night-owl", START + 2 * DAY) == 2


async def test_a_grant_is_for_one_agent(ledger: Ledger) -> None:
    await grant(ledger, 4)
    assert await ledger.level_of("day-owl", START) == 3


@pytest.mark.parametrize("changes", [{"by": " "}, {"because": ""}])
async def test_a_grant_names_who_and_why(ledger: Ledger, changes: dict[str, Any]) -> None:
    with pytest.raises(LedgerError, match="who gives it and why"):
        await grant(ledger, 4, **changes)
    assert await ledger.grants("night-owl") == []


@pytest.mark.parametrize(
    ("stands", "level", "by", "said"),
    [
        (3, 5, "anna", "stands at level 3; no rung is skipped, so grant 4 first"),
        (1, 3, "anna", "stands at level 1; no rung is skipped, so grant 2 first"),
        (3, 4, "night-owl", "a person raises 'night-owl', and 'night-owl' is none"),
        (2, 3, "midwatch", "a person raises 'night-owl', and 'midwatch' is none"),
    ],
)
async def test_the_ledger_itself_lets_nobody_rise_over_a_rung_or_by_nobodys_hand(
    ledger: Ledger, stands: Level, level: Level, by: str, said: str
) -> None:
    await grant(ledger, stands)
    with pytest.raises(LedgerError, match=said):
        await ledger.grant_level("night-owl", level, by=by, because="now")
    assert await ledger.level_of("night-owl", START) == stands


async def test_every_grant_stays_on_record(ledger: Ledger) -> None:
    await grant(ledger, 4)
    await grant(ledger, 3, because="demoted")
    assert [(row.level, row.because) for row in await ledger.grants()] == [(3, "demoted"), (4, "40 clean nights")]


async def test_every_probe_of_a_model_stays_on_record(ledger: Ledger) -> None:
    probes = [await ledger.record_probe("local", fingerprint="q4", score=s, detail="tool choice") for s in (0.4, 0.9)]
    assert [(probe.probe_id, probe.model, probe.score) for probe in probes] == [(1, "local", 0.4), (2, "local", 0.9)]
