from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.durable_exec import JSON_CODEC, CallToolResult
from pydantic_ai.exceptions import ToolFailed
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage

from midwatch.budget import BudgetSpent
from midwatch.calls import digest, parse_call
from midwatch.decision import Decision
from midwatch.errors import Halted, LedgerError, MidwatchError
from midwatch.halt import Halt
from midwatch.ledger import Ask, Decided, Ledger
from midwatch.risk import ProbeAnswer, Risk, ToolFacts
from midwatch.run import RunFacts
from midwatch.spec import Limits
from tasks.harness.history import Turn
from tasks.harness.record import LedgerRecorder, UnknownEffect
from tasks.monitoring.limits import RunBudget
from tasks.permissions.cleared import ClearedCall, GateState
from tasks.permissions.labels import RunLabels
from tasks.permissions.latch import Latch

CALL = parse_call("write", '{"line": "one"}')
DONE: dict[str, Any] = {"result": "written", "kind": "tool_return"}


@dataclass
class World:
    """One cleared call; `happened` counts how often it really ran."""

    ledger: Ledger
    risk: Risk = "write"
    idempotent: bool = False
    answer: ProbeAnswer | None = None
    ask_id: str | None = None
    fault: Exception | None = None
    happened: int = 0
    gate: GateState = field(default_factory=GateState)
    limits: Limits = field(default_factory=Limits)

    async def probe(self, facts: RunFacts, arguments: Mapping[str, Any]) -> ProbeAnswer:
        assert arguments == {"line": "one"}
        assert self.answer is not None
        return self.answer

    async def body(self) -> object:
        self.happened += 1
        if self.fault is not None:
            raise self.fault
        return DONE

    def recorder(self) -> LedgerRecorder:
        facts = RunFacts(run_id="run", agent="a", started_at=datetime.now(UTC))
        self.gate.cleared["id"] = ClearedCall(
            call=CALL,
            digest=digest(CALL),
            facts=ToolFacts(
                risk=self.risk, idempotent=self.idempotent, probe=self.probe if self.answer is not None else None
            ),
            decided=Decided(
                position="main/gate/id",
                tool="write",
                args_json='{"line":"one"}',
                digest=digest(CALL),
                decision=Decision(verdict="allow", rule="r", reason="because"),
            ),
            ask_id=self.ask_id,
        )
        budget = RunBudget(self.limits)
        return LedgerRecorder(
            conversation="main", facts=facts, ledger=self.ledger, budget=budget, gate=self.gate, labels=RunLabels()
        )

    async def run(self) -> object:
        return await self.recorder().tool_call("main/tool/id", "id", "write", self.body)

    async def cut_off(self) -> None:
        """A life of the run that ended between its reservation and the end of its effect."""
        await self.ledger.reserve(
            "run",
            "main/id",
            digest=digest(CALL),
            tool="write",
            args_json="{}",
            idempotency_key="key",
            ask_id=self.ask_id,
        )

    async def state(self) -> str:
        (effect,) = await self.ledger.effects_of("run")
        return effect.state


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    await ledger.start_run(
        "run",
        agent="a",
        cause="person",
        slot="s",
        level=4,
        asked_level=None,
        input={},
        fingerprint="f",
        started_at=datetime.now(UTC),
    )
    return ledger


async def test_an_effect_is_reserved_run_and_consumed(ledger: Ledger) -> None:
    world = World(ledger)
    assert await world.run() == DONE
    assert (world.happened, await world.state()) == (1, "consumed")


async def test_a_consumed_effect_is_not_run_again(ledger: Ledger) -> None:
    await World(ledger).run()
    second = World(ledger)
    assert await second.run() == DONE
    assert second.happened == 0


@pytest.mark.parametrize(("answer", "runs"), [("happened", 0), ("did_not_happen", 1)])
async def test_what_was_cut_off_is_cleared_up_by_the_tool_s_own_probe(
    ledger: Ledger, answer: ProbeAnswer, runs: int
) -> None:
    world = World(ledger, answer=answer)
    await world.cut_off()
    await world.run()
    assert (world.happened, await world.state()) == (runs, "consumed")


@pytest.mark.parametrize("answer", ["cannot_tell", None])
async def test_what_nobody_can_clear_up_is_unknown_and_never_run(ledger: Ledger, answer: ProbeAnswer | None) -> None:
    for _ in range(2):
        world = World(ledger, answer=answer)
        if _ == 0:
            await world.cut_off()
        with pytest.raises(UnknownEffect, match="may or may not have happened"):
            await world.run()
        assert (world.happened, await world.state()) == (0, "unknown")


async def test_an_idempotent_effect_that_was_cut_off_is_simply_done_again(ledger: Ledger) -> None:
    world = World(ledger, idempotent=True)
    await world.cut_off()
    await world.run()
    assert (world.happened, await world.state()) == (1, "consumed")


async def test_a_tool_that_throws_without_having_done_anything_tells_the_model(ledger: Ledger) -> None:
    world = World(ledger, answer="did_not_happen", fault=RuntimeError("no such host"))
    payload = JSON_CODEC.load(CallToolResult, await world.run())
    assert "RuntimeError: no such host" in payload.message
    assert type(payload).__name__ == "_ToolFailed", ToolFailed.__doc__


async def test_what_is_idempotent_and_throws_is_not_done_once_more_under_a_halt(
    ledger: Ledger, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    world = World(ledger, idempotent=True, fault=RuntimeError("reset"))
    recorder = world.recorder()
    halt = Halt(scope="all", by="anna", via="cli", because="it spends", at=datetime.now(UTC))

    async def body() -> object:
        Latch(recorder.facts.home).set(halt)
        return await world.body()

    with pytest.raises(Halted):
        await recorder.tool_call("main/tool/id", "id", "write", body)
    assert (world.happened, await world.state()) == (1, "reserved")


async def test_what_is_idempotent_and_throws_is_done_once_more_under_its_own_key_and_is_unknown_then(
    ledger: Ledger,
) -> None:
    world = World(ledger, idempotent=True, fault=RuntimeError("reset"))
    with pytest.raises(UnknownEffect, match="failed in the middle"):
        await world.run()
    (ask,) = await ledger.open_asks()
    assert (world.happened, await world.state(), ask.kind) == (2, "unknown", "settle")


async def test_a_tool_that_throws_when_it_was_done_is_told_so(ledger: Ledger) -> None:
    world = World(ledger, answer="happened", fault=RuntimeError("reset"))
    payload = JSON_CODEC.load(CallToolResult, await world.run())
    assert payload.result == "It was done; its result was lost (RuntimeError: reset)."
    assert (world.happened, await world.state()) == (1, "consumed")


async def test_a_tool_that_throws_in_the_middle_is_unknown(ledger: Ledger) -> None:
    with pytest.raises(UnknownEffect, match="failed in the middle"):
        await World(ledger, fault=RuntimeError("reset")).run()


async def test_a_read_needs_no_reservation(ledger: Ledger) -> None:
    await World(ledger, risk="read").run()
    assert await ledger.effects_of("run") == []


async def test_a_call_that_did_not_pass_the_gate_is_not_run(ledger: Ledger) -> None:
    world = World(ledger)
    recorder = world.recorder()
    world.gate.cleared.clear()
    with pytest.raises(MidwatchError, match="without passing the gate"):
        await recorder.tool_call("main/tool/id", "id", "write", world.body)
    assert world.happened == 0


async def approved(ledger: Ledger, for_digest: str) -> str:
    now = datetime.now(UTC)
    ask = Ask(
        ask_id="ask",
        run_id="run",
        call_id="main/id",
        tool="write",
        args_json="{}",
        digest=for_digest,
        kind="approve",
        rule="",
        reason="",
        words="",
        created_at=now,
        deadline=now + timedelta(hours=1),
    )
    await ledger.open_ask(ask)
    await ledger.decide_ask("ask", "approved", by="somebody", via="cli", digest_seen=for_digest)
    return "ask"


async def test_a_yes_is_spent_by_the_effect_that_it_was_for_even_when_that_is_only_a_read(ledger: Ledger) -> None:
    await World(ledger, risk="read", ask_id=await approved(ledger, digest(CALL))).run()
    (ask,) = await ledger.asks_of("run")
    assert ask.spent_at is not None


async def test_a_yes_to_another_call_runs_nothing(ledger: Ledger) -> None:
    world = World(ledger, ask_id=await approved(ledger, "of another call"))
    with pytest.raises(LedgerError, match="not what was shown"):
        await world.run()
    assert world.happened == 0


async def test_a_model_request_is_written_down_with_its_cost_and_charged(ledger: Ledger) -> None:
    world = World(ledger, limits=Limits(tokens=100))
    response = ModelResponse(
        parts=[TextPart("hi")], usage=RequestUsage(input_tokens=90, output_tokens=5), provider_name="local"
    )

    async def body() -> Turn:
        payload = JSON_CODEC.dump(ModelResponse, response)
        return Turn(whole=True, request=[], instructions="", response=payload)

    recorder = world.recorder()
    await recorder.model_request("main/model/1", "digest", body)
    assert (await ledger.spent_by("run")).tokens == 95
    with pytest.raises(BudgetSpent, match=r"limits\.tokens"):
        await recorder.model_request("main/model/2", "digest", body)


async def test_a_result_can_be_read_back_from_the_ledger(ledger: Ledger) -> None:
    await World(ledger).run()
    (effect,) = await ledger.effects_of("run")
    assert json.loads(effect.result_json or "") == DONE
