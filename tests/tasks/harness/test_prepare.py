from __future__ import annotations

from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import Field
from pydantic_ai.models.function import FunctionModel
from pydantic_ai.toolsets import CombinedToolset

from midwatch.agent_file import load_agent
from midwatch.breaker import Row
from midwatch.calls import parse_call
from midwatch.decision import Decision
from midwatch.errors import BreakerOpen, SpecError
from midwatch.ledger import Decided, Ledger, Staged, StagedRow
from midwatch.risk import tool
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec
from tasks.harness.asked import Asked
from tasks.harness.entering import fingerprint, let_in
from tasks.harness.place import Place
from tasks.harness.prepare import Prepared, Refused, check_input, prepare
from tasks.harness.rules import policy_of, tool_definitions
from tasks.step.log import RunLog
from tasks.tools import build_toolsets
from tasks.triggers.slot import Slot


@tool(risk="write")
def put_away(label: Annotated[str, Field(max_length=9)], message: str) -> str:
    """Put the message away."""
    return f"{message} is under {label}"


def spec(**fields: Any) -> AgentSpec:
    return AgentSpec.model_validate({"name": "a", "description": "d", "instructions": "i", **fields})


FILING = spec(
    tools=[{"python": f"{__name__}:put_away", "bind": {"message": "{item}"}}],
    rules={"allow": ["put_away"]},
    for_each={"files": "*.eml"},
)


async def verdict(given: AgentSpec, project: Path, arguments: str) -> str:
    facts = RunFacts(run_id="r", agent="a", started_at=datetime.now(UTC), project=project, home=project / "home")
    model = FunctionModel(lambda messages, info: pytest.fail("no model is asked"))
    tools = await tool_definitions(CombinedToolset(build_toolsets(given, facts)), facts, model)
    policy = policy_of(given, tools, Place(project=project, home=project / "home"))
    return policy.decide(parse_call("put_away", arguments)).verdict


async def test_what_code_fills_in_for_each_item_is_an_argument_of_the_tool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.tools.toolsets.named_function", lambda name, field: put_away)
    assert await verdict(FILING, tmp_path, '{"label": "x", "message": "1.eml"}') == "allow"


async def test_an_argument_that_the_tool_does_not_take_is_never_allowed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tasks.tools.toolsets.named_function", lambda name, field: put_away)
    assert await verdict(FILING, tmp_path, '{"label": "x", "message": "1.eml", "for_ever": true}') == "ask"


INPUT = spec(input={"folder": {"type": "string"}, "count": {"type": "integer", "default": 3}})


@pytest.mark.parametrize("given", [{"folder": "in"}, {"folder": "in", "count": 4}])
def test_an_input_as_the_file_describes_it_is_taken(given: dict[str, Any]) -> None:
    check_input(INPUT, given)


@pytest.mark.parametrize(
    ("given", "field"), [({}, "input"), ({"folder": 3}, "input.folder"), ({"folder": "in", "fodler": "x"}, "input")]
)
def test_any_other_input_is_refused_and_the_field_named(given: dict[str, Any], field: str) -> None:
    with pytest.raises(SpecError) as caught:
        check_input(INPUT, given)
    assert caught.value.field == field


async def test_an_open_breaker_lets_no_run_begin_and_none_that_has_begun_stop(ledger: Ledger) -> None:
    facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    for run in ("waits", "failed"):
        await ledger.start_run(run, agent="owl", cause="schedule", started_at=datetime.now(UTC), **facts)
    await ledger.finish_run("failed", outcome="failed", reason="no")
    await let_in("owl", "r1", ledger)
    await ledger.open_breaker("owl", Row(cause="failed: no", failures=3), last_run="failed", probe_at=datetime.now(UTC))
    with pytest.raises(BreakerOpen, match="3 runs in a row did not end well"):
        await let_in("owl", "r1", ledger)
    await let_in("owl", "waits", ledger)
    await ledger.half_open("owl")
    await let_in("owl", "r2", ledger)
    with pytest.raises(BreakerOpen, match="one run is being tried"):
        await let_in("owl", "r3", ledger)


@pytest.mark.parametrize(
    ("limits", "loop"), [("per_day: {tokens: 10}", "no_budget"), ("steps: 1", "out_of_budget"), ("steps: 2", None)]
)
async def test_a_spent_budget_refuses_and_the_refusal_says_whether_it_was_its_own(
    ledger: Ledger, tmp_path: Path, limits: str, loop: str | None
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "owl.yaml").write_text(f"name: owl\ndescription: d\ninstructions: i\nlimits: {{{limits}}}\n")
    here, slot = Place(project=tmp_path, home=tmp_path / "home"), Slot(cause="person", name="run r1")
    async with AsyncExitStack() as stack:
        facts: dict[str, Any] = {"level": 3, "asked_level": None, "input": {}, "started_at": datetime.now(UTC)}
        file = fingerprint(load_agent("owl", here.agents))
        for run in ("r0", "r1"):
            await ledger.start_run(run, agent="owl", cause="person", slot=None, fingerprint=file, **facts)
        await ledger.record_step("r0", "main/1", kind="model", name="m", tokens_in=10)
        await ledger.record_step("r1", "main/0", kind="model", name="m")
        refused = await prepare(Asked(agent="owl"), slot, await RunLog.open("r1", ledger), here, stack)
    assert (refused.ending.loop if isinstance(refused, Refused) else None) == loop


OWL = "name: owl\ndescription: d\ninstructions: i\nmodel: test\n"


async def test_no_breaker_holds_a_rehearsal_off_and_none_takes_one_for_its_probe(
    ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "owl.yaml").write_text(OWL)
    here, slot = Place(project=tmp_path, home=tmp_path / "home"), Slot(cause="person", name="run r1")
    async with AsyncExitStack() as stack:
        facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
        await ledger.start_run("failed", agent="owl", cause="schedule", started_at=datetime.now(UTC), **facts)
        await ledger.finish_run("failed", outcome="failed", reason="no")
        why = Row(cause="failed: no", failures=3)
        await ledger.open_breaker("owl", why, last_run="failed", probe_at=datetime.now(UTC))
        await ledger.half_open("owl")
        log = await RunLog.open("r1", ledger)
        prepared = await prepare(Asked(agent="owl", shadow=True), slot, log, here, stack)
        assert (prepared.facts.shadow, (await ledger.breakers_of())[0].probe_run) == (True, None)


async def test_a_run_executes_nothing_where_nobody_said_yes(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "owl.yaml").write_text(OWL)
    here, slot = Place(project=tmp_path, home=tmp_path / "home"), Slot(cause="person", name="run r1")
    async with AsyncExitStack() as stack:
        facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
        for run_id in ("real", "night"):
            made: dict[str, Any] = {"agent": "owl", "cause": "person", "shadow": run_id == "night", **facts}
            await ledger.start_run(run_id, started_at=datetime.now(UTC), **made)
        log = await RunLog.open("r1", ledger)
        with pytest.raises(SpecError, match="no rehearsal of owl"):
            await prepare(Asked(agent="owl", staged="real"), slot, log, here, stack)
        refused = await prepare(Asked(agent="owl", staged="night"), slot, log, here, stack)
    assert isinstance(refused, Refused)
    assert (refused.ending.loop, "nothing of rehearsal night is approved" in refused.ending.reason) == ("denied", True)


async def test_a_run_that_executes_what_was_staged_has_steps_for_all_of_it(ledger: Ledger, tmp_path: Path) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "owl.yaml").write_text(f"{OWL}limits: {{steps: 1}}\n")
    here, slot = Place(project=tmp_path, home=tmp_path / "home"), Slot(cause="person", name="run r1")
    async with AsyncExitStack() as stack:
        seen = {row.staged_id: row.digest for row in [await staged(ledger, f"c{n}") for n in range(3)]}
        await ledger.finish_run("night", outcome="rehearsed", reason="staged")
        await ledger.approve_staged("night", seen, by="anna", via="cli", because="right")
        log = await RunLog.open("r1", ledger)
        prepared = await prepare(Asked(agent="owl", staged="night"), slot, log, here, stack)
        assert isinstance(prepared, Prepared)
        assert ([*prepared.carried.calls] if prepared.carried else []) == ["main/c0", "main/c1", "main/c2"]
        assert next(meter.left for meter in prepared.budget.left() if meter.measure == "steps") == 5


async def staged(ledger: Ledger, name: str) -> StagedRow:
    facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run("night", agent="owl", cause="person", started_at=datetime.now(UTC), shadow=True, **facts)
    decision, at = Decision(verdict="ask", rule="r", reason=""), f"main/gate/{name}"
    call: dict[str, Any] = {"tool": "put", "args_json": "{}", "digest": name}
    told: dict[str, Any] = {"item": None, "bound": (), "risk": "write", "context_json": "{}"}
    one = Staged(
        run_id="night", call_id=f"main/{name}", position=at, verdict="ask", rule="r", reason="", **call, **told
    )
    return await ledger.stage(one, Decided(position=at, decision=decision, **call))
