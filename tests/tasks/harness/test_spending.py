"""Budgets in whole runs, with the real loop, gate and ledger: what fits runs, what does not is not done, and says why."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from midwatch.ledger import Ledger
from midwatch.risk import ProbeAnswer, tool
from midwatch.run import RunFacts
from midwatch.window import Draw, Window
from tests.tasks.harness.lives import Cut, Run, Script, text_of

WORLD: list[str] = []
"""What the tools really did."""
FAULTS: list[Exception | Cut] = []
"""What the next payment raises."""


async def nothing_happened(facts: RunFacts, arguments: Mapping[str, Any]) -> ProbeAnswer:
    return "did_not_happen"


@tool(risk="money", probe=nothing_happened)
async def pay(to: str, amount: float) -> str:
    """Pay."""
    if FAULTS:
        raise FAULTS.pop()
    WORLD.append(f"{to} {amount:g}")
    return "paid"


@tool(risk="read")
async def search(words: str) -> str:
    """Search."""
    WORLD.append(words)
    return "found"


RULES: dict[str, Any] = {
    "allow": [
        {
            "pay": {"amount": {"above": 0, "max": 300}, "to": ["acme", "globex"]},
            "id": "small",
            "budget": {"sum": "amount", "max": 500, "per": "24h"},
        },
        {"search": None, "id": "searches", "budget": {"max": 2, "per": "30m"}},
    ]
}


class Raced(Ledger):
    """Another run of the agent draws behind the next look at the window."""

    other: Decimal | None = None

    async def spent_in(
        self, agent: str, windows: Sequence[Window], now: datetime, *, run_id: str, call_id: str
    ) -> Mapping[str, Decimal]:
        spent = await super().spent_in(agent, windows, now, run_id=run_id, call_id=call_id)
        if self.other is not None:
            draw, self.other = Draw(window=windows[0], amount=self.other, held=True), None
            call: dict[str, Any] = {"digest": "d", "tool": "pay", "args_json": "{}", "idempotency_key": "other"}
            await self.reserve("other", "c1", **call, taken=[draw])
        return spent


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Raced]:
    WORLD.clear()
    FAULTS.clear()
    async with Raced.open(ledger_url) as ledger:
        run: dict[str, Any] = {"agent": "a", "cause": "person", "slot": "s", "level": 4, "asked_level": None}
        for run_id in ("run", "other"):
            await ledger.start_run(run_id, **run, input={}, fingerprint="f", started_at=datetime.now(UTC))
        yield ledger


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return tmp_path


def run_of(ledger: Ledger, project: Path, *turns: Any) -> Run:
    """Nobody is there, so that what would be asked is denied."""
    tools = [{"python": f"{__name__}:{name}"} for name in ("pay", "search")]
    fields: dict[str, Any] = {"escalation": {"to": []}}
    return Run(ledger=ledger, project=project, script=Script(turns), tools=tools, rules=RULES, fields=fields)


def payments(*amounts: float) -> list[tuple[str, dict[str, Any]]]:
    return [("pay", {"to": "acme", "amount": amount}) for amount in amounts]


async def spent(ledger: Ledger) -> Decimal:
    day = Window(rule="allow.small", measure="amount", most=Decimal(500), length=timedelta(days=1), per="")
    now = datetime.now(UTC)
    return (await Ledger.spent_in(ledger, "a", [day], now, run_id="", call_id=""))["allow.small"]


async def test_what_fits_runs_and_what_does_not_is_told_with_the_sum(ledger: Raced, project: Path) -> None:
    run = run_of(ledger, project, payments(300), payments(150.5), payments(100), "done")
    ending = await run.life()
    assert WORLD == ["acme 300", "acme 150.5"]
    assert "450.5 of 500 in 24 h are spent; this call takes 100" in text_of(run.script.heard[-1])
    assert [refusal.by for refusal in ending.refusals] == ["rule"]


async def test_payments_of_one_turn_never_pass_the_limit_together(ledger: Raced, project: Path) -> None:
    await run_of(ledger, project, payments(200, 200, 200, 200), "done").life()
    assert WORLD == ["acme 200", "acme 200"]
    assert await spent(ledger) == 400


async def test_what_another_run_drew_in_between_is_judged_again_and_not_done(ledger: Raced, project: Path) -> None:
    ledger.other = Decimal(300)
    run = run_of(ledger, project, payments(250), "done")
    ending = await run.life()
    assert (WORLD, await ledger.effects_of("run")) == ([], [])
    assert "are spent; this call takes 250" in text_of(run.script.heard[-1])
    assert len(ending.refusals) == 1


async def test_a_payment_that_certainly_failed_gives_back_what_it_drew(ledger: Raced, project: Path) -> None:
    FAULTS.append(OSError("no line"))
    run = run_of(ledger, project, payments(300), payments(300), payments(200), "done")
    assert (await run.life()).refusals == ()
    assert WORLD == ["acme 300", "acme 200"]


async def test_a_payment_that_was_cut_off_draws_once(ledger: Raced, project: Path) -> None:
    FAULTS.append(Cut("gone"))
    run = run_of(ledger, project, payments(300), payments(200), "done")
    with pytest.raises(Cut):
        await run.life()
    assert await spent(ledger) == 300
    assert (await run.life()).refusals == ()
    assert WORLD == ["acme 300", "acme 200"]
    assert await spent(ledger) == 500


async def test_calls_that_only_read_are_counted_too(ledger: Raced, project: Path) -> None:
    searches = [("search", {"words": words}) for words in ("a", "b", "c")]
    run = run_of(ledger, project, *([one] for one in searches), "done")
    await run.life()
    assert WORLD == ["a", "b"]
    assert "2 of 2 in 30 min are spent; this call takes 1" in text_of(run.script.heard[-1])
    assert await ledger.effects_of("run") == []
