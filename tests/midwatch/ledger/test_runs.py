"""Runs and slots: a run is entered once, ends once, and holds its slot alone."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from midwatch.contract import Finding
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger, RunRow

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


async def start(ledger: Ledger, run_id: str, agent: str = "night-owl", **changes: Any) -> RunRow:
    facts: dict[str, Any] = {
        "cause": "person",
        "slot": None,
        "level": 3,
        "asked_level": 4,
        "input": {"b": [1, None], "a": "é"},
        "fingerprint": "f1",
        "started_at": START,
    }
    return await ledger.start_run(run_id, agent=agent, **{**facts, **changes})


async def test_a_run_that_starts_again_keeps_its_first_start(ledger: Ledger) -> None:
    first = await start(ledger, "r1")
    again = await start(ledger, "r1", started_at=START + timedelta(hours=2), level=1)
    assert again == first
    assert first.started_at == START


async def test_what_went_in_comes_out(ledger: Ledger) -> None:
    row = await start(ledger, "r1", slot="event 7")
    assert await ledger.run("r1") == row
    assert (row.slot, row.level, row.asked_level, row.outcome) == ("event 7", 3, 4, None)
    assert row.input == {"a": "é", "b": [1, None]}


async def test_times_of_any_zone_come_back_in_utc(ledger: Ledger) -> None:
    elsewhere = START.astimezone(timezone(timedelta(hours=9)))
    row = await start(ledger, "r1", started_at=elsewhere)
    assert row.started_at == START
    assert row.started_at.tzinfo is UTC


async def test_a_time_without_a_zone_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no timezone"):
        await start(ledger, "r1", started_at=START.replace(tzinfo=None))


async def test_a_run_belongs_to_one_agent(ledger: Ledger) -> None:
    await start(ledger, "r1")
    with pytest.raises(LedgerError, match="belongs to agent 'night-owl'"):
        await start(ledger, "r1", agent="day-owl")


async def test_a_level_outside_the_spectrum_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="level"):
        await start(ledger, "r1", level=6)


async def test_a_run_that_is_not_there_is_none(ledger: Ledger) -> None:
    assert await ledger.run("nobody") is None


async def test_runs_are_listed_newest_first(ledger: Ledger) -> None:
    for hour in range(3):
        await start(ledger, f"r{hour}", started_at=START + timedelta(hours=hour))
    await start(ledger, "other", agent="day-owl")
    assert [row.run_id for row in await ledger.recent_runs("night-owl", limit=2)] == ["r2", "r1"]
    assert len(await ledger.recent_runs()) == 4


async def test_the_outcome_is_kept_with_its_evidence(ledger: Ledger, clock: Callable[[], datetime]) -> None:
    await start(ledger, "r1")
    findings = [
        Finding(check="report", held=True, detail="412 bytes"),
        Finding(check="disk", held=False, detail="97 %"),
    ]
    row = await ledger.finish_run("r1", outcome="failed", reason="the disk is full", findings=findings)
    assert (row.outcome, row.reason, row.finished_at) == ("failed", "the disk is full", clock())
    assert row.findings == tuple(findings)


async def test_a_run_ends_once(ledger: Ledger) -> None:
    await start(ledger, "r1")
    first = await ledger.finish_run("r1", outcome="verified", reason="all checks hold")
    assert await ledger.finish_run("r1", outcome="verified", reason="said twice") == first
    with pytest.raises(LedgerError, match="ended as 'verified'; it cannot end again as 'failed'"):
        await ledger.finish_run("r1", outcome="failed", reason="too late")
    assert await ledger.run("r1") == first


async def test_a_run_that_never_started_cannot_end(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no run 'r9'"):
        await ledger.finish_run("r9", outcome="verified", reason="")


async def test_a_slot_is_won_once_and_won_again_by_its_holder(ledger: Ledger) -> None:
    assert (await ledger.claim_slot("night-owl", "schedule 03:00", "r1")).won
    lost = await ledger.claim_slot("night-owl", "schedule 03:00", "r2")
    assert (lost.won, lost.holder) == (False, "r1")
    assert (await ledger.claim_slot("night-owl", "schedule 03:00", "r1")).won


async def test_another_slot_or_another_agent_is_free(ledger: Ledger) -> None:
    await ledger.claim_slot("night-owl", "schedule 03:00", "r1")
    assert (await ledger.claim_slot("night-owl", "schedule 04:00", "r2")).won
    assert (await ledger.claim_slot("day-owl", "schedule 03:00", "r3")).won
