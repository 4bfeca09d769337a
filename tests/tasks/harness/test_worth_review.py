"""The monthly look: whoever is not worth it as it is, is told of once, until it is judged otherwise."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from midwatch.errors import SpecError
from midwatch.ledger import Ledger
from midwatch.outcome import Outcome
from midwatch.spec import AgentSpec
from midwatch.worth.answers import Answers
from midwatch.worth.profile import Profile
from tasks.harness.worth_review import as_markdown, is_judged, judged

NOW = datetime(2026, 3, 1, 7, 15, tzinfo=UTC)


@pytest.fixture
async def ledger(tmp_path: Path) -> AsyncIterator[Ledger]:
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}", clock=lambda: NOW) as ledger:
        await ledger.migrate()
        yield ledger


def spec(**fields: Any) -> AgentSpec:
    return AgentSpec.model_validate({"name": "owl", "description": "d", "instructions": "i", **fields})


async def nights(ledger: Ledger, outcome: Outcome, *, ago: int) -> None:
    facts: dict[str, Any] = {"cause": "schedule", "slot": None, "level": 3, "asked_level": None, "input": {}}
    for night in range(30):
        began, run_id = NOW - timedelta(days=ago - night), f"{outcome}-{night}"
        await ledger.start_run(run_id, agent="owl", fingerprint="f", started_at=began, **facts)
        await ledger.finish_run(run_id, outcome=outcome, reason="")


async def answered(ledger: Ledger) -> None:
    answers = Answers(minutes=Decimal(30))
    profile = Profile(worst="read", reversible=True, bounded=True, bounds="")
    await ledger.answer_worth("owl", answers, profile, by="anna", via="cli")


async def test_who_is_not_worth_it_is_told_of_until_it_is_judged_otherwise(ledger: Ledger) -> None:
    await answered(ledger)
    await nights(ledger, "verified_noop", ago=80)
    for _ in range(2):
        worth = await judged(ledger, spec(), NOW)
    assert worth is not None
    (alarm,) = await ledger.open_alarms()
    assert (worth.verdict, alarm.agent, alarm.severity) == ("retire", "owl", "attention")
    assert alarm.what == (
        "it is not worth it at any level: nothing that it did was verified, so it saves nothing; "
        "`midwatch worth owl` has it all"
    )
    assert "it is not worth it at any level, by what was measured" in as_markdown("owl", worth)
    await nights(ledger, "verified", ago=40)
    await judged(ledger, spec(), NOW)
    assert await ledger.open_alarms() == []


async def test_of_whom_nobody_has_answered_nothing_is_said(ledger: Ledger) -> None:
    await nights(ledger, "verified_noop", ago=40)
    assert await judged(ledger, spec(), NOW) is None
    assert await ledger.open_alarms() == []


async def test_an_agent_whose_function_is_gone_is_not_judged(ledger: Ledger) -> None:
    await answered(ledger)
    with pytest.raises(SpecError, match="there is no module"):
        await judged(ledger, spec(tools=[{"python": "no_such_module:send"}]), NOW)


@pytest.mark.parametrize(
    ("latest", "so"),
    [
        (NOW, True),
        (NOW - timedelta(hours=8), False),
        (NOW.replace(year=2025), False),
        (datetime.fromisoformat("2026-02-28T23:30:00-01:00"), True),
    ],
)
def test_it_is_judged_once_a_month(latest: datetime, so: bool) -> None:
    assert is_judged(latest, NOW) == so
