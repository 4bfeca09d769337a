"""Steps, decisions and day totals: written once for each position, and added up without reading them again."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from midwatch.budget import Spent
from midwatch.decision import Decision
from midwatch.errors import LedgerError
from midwatch.ledger import Decided, Ledger

YES = Decision(verdict="allow", rule="allow.git-read", reason="git log only reads")


async def test_a_step_is_recorded_once_for_its_position(ledger: Ledger, run_id: str) -> None:
    assert await ledger.record_step(run_id, "main/model/1", kind="model", name="turn 1", tokens_in=900, tokens_out=100)
    assert not await ledger.record_step(run_id, "main/model/1", kind="model", name="again", tokens_in=5)
    (step,) = await ledger.steps_of(run_id)
    assert (step.name, step.tokens_in, step.tokens_out) == ("turn 1", 900, 100)
    assert (await ledger.spent_today("night-owl", step.at)).tokens == 1000


async def test_a_step_of_an_unknown_run_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no run 'r9' in the ledger"):
        await ledger.record_step("r9", "main/model/1", kind="model", name="turn 1")


@pytest.mark.parametrize("cost", [{"tokens_in": -1}, {"usd": Decimal("-0.01")}, {"seconds": -1.0}])
async def test_a_negative_cost_is_refused(ledger: Ledger, run_id: str, cost: dict[str, Any]) -> None:
    with pytest.raises(LedgerError):
        await ledger.record_step(run_id, "main/model/1", kind="model", name="turn 1", **cost)
    assert await ledger.steps_of(run_id) == []


async def test_money_is_exact_to_the_billionth(ledger: Ledger, run_id: str) -> None:
    for turn in range(10):
        await ledger.record_step(run_id, f"main/model/{turn}", kind="model", name="m", usd=Decimal("0.100000001"))
    assert {step.usd for step in await ledger.steps_of(run_id)} == {Decimal("0.100000001")}
    assert (await ledger.spent_by(run_id)).usd == 1.00000001


async def test_a_run_and_its_day_add_up_the_same(ledger: Ledger, run_id: str) -> None:
    await ledger.record_step(run_id, "main/model/1", kind="model", name="m", tokens_in=70, tokens_out=7, seconds=90)
    await ledger.record_step(run_id, "main/tool/1", kind="tool", name="shell", seconds=30)
    await ledger.record_step(run_id, "main/model/2", kind="model", name="m", usd=None)
    spent = Spent(runs=1, steps=2, tokens=77, usd=0, minutes=2, unpriced_steps=1)
    assert await ledger.spent_by(run_id) == spent
    assert await ledger.spent_today("night-owl", date(2026, 3, 1)) == spent


async def test_a_run_over_midnight_counts_on_both_days(ledger: Ledger, run_id: str, clock: Any) -> None:
    await ledger.record_step(run_id, "main/model/1", kind="model", name="m", tokens_in=1)
    clock.forward(days=1)
    await ledger.record_step(run_id, "main/model/2", kind="model", name="m", tokens_in=2)
    today = await ledger.spent_today("night-owl", date(2026, 3, 2))
    assert (today.runs, today.steps, today.tokens) == (0, 1, 2)


async def test_a_day_without_runs_has_spent_nothing(ledger: Ledger) -> None:
    assert await ledger.spent_today("night-owl", date(2026, 3, 1)) == Spent()


async def test_steps_come_back_in_the_order_of_time(ledger: Ledger, run_id: str, clock: Any) -> None:
    for position in ("z", "a", "m"):
        await ledger.record_step(run_id, position, kind="tool", name=position)
        clock.forward(seconds=1)
    assert [step.position for step in await ledger.steps_of(run_id)] == ["z", "a", "m"]


async def test_text_that_no_database_takes_is_made_storable(ledger: Ledger, run_id: str) -> None:
    await ledger.record_step(run_id, "p", kind="tool", name="shell", detail="nul \x00 half \ud800 whole 🌙")
    (step,) = await ledger.steps_of(run_id)
    assert step.detail == "nul \ufffd half ? whole 🌙"
    assert (await ledger.verify_chain()).ok


async def test_the_first_decision_about_a_call_stands(ledger: Ledger, run_id: str) -> None:
    yes = Decided(position="gate/1", tool="shell", args_json='{"command":"git log"}', digest="d1", decision=YES)
    first = await ledger.record_decision(run_id, yes)
    other = Decision(verdict="deny", rule="deny.shell", reason="no shell")
    assert await ledger.record_decision(run_id, replace(yes, decision=other)) == first
    assert (first.verdict, first.rule, first.args_json) == ("allow", "allow.git-read", '{"command":"git log"}')


async def test_another_call_at_the_same_position_is_decided_anew(ledger: Ledger, run_id: str) -> None:
    for digest in ("d1", "d2"):
        await ledger.record_decision(
            run_id, Decided(position="gate/1", tool="shell", args_json="{}", digest=digest, decision=YES)
        )
    assert [row.digest for row in await ledger.decisions_of(run_id)] == ["d1", "d2"]


async def test_a_step_its_decision_and_its_effect_are_kept_in_one_transaction(ledger: Ledger, run_id: str) -> None:
    decided = Decided(position="gate/1", tool="mail", args_json="{}", digest="d", decision=YES)
    effect = await ledger.reserve(run_id, "c", digest="d", tool="mail", args_json="{}", idempotency_key="k")
    step: dict[str, Any] = {"kind": "tool", "name": "mail", "result_json": '"sent"', "request_digest": "r"}
    await ledger.record_step(run_id, "tool/1", **step, decided=decided, effect_id=effect.effect_id)
    assert [row.state for row in await ledger.effects_of(run_id)] == ["consumed"]
    assert [row.position for row in await ledger.decisions_of(run_id)] == ["gate/1"]
    (stored,) = await ledger.stored_steps(run_id)
    assert (stored.position, stored.result_json, stored.request_digest) == ("tool/1", '"sent"', "r")


async def test_a_step_whose_effect_cannot_be_consumed_is_not_kept(ledger: Ledger, run_id: str) -> None:
    with pytest.raises(LedgerError, match="no effect"):
        await ledger.record_step(run_id, "tool/1", kind="tool", name="mail", result_json="1", effect_id=77)
    assert await ledger.steps_of(run_id) == []
