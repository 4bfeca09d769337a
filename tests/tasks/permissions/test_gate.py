from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ToolApproved
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import Tool
from pydantic_ai.toolsets import FunctionToolset

from midwatch.calls import Call, parse_call
from midwatch.decision import Decision, Verdict
from midwatch.ledger import Ledger
from midwatch.policy import PolicyContext
from midwatch.risk import Risk, ToolFacts
from midwatch.run import Level, RunFacts
from tasks.permissions.gate import Gate, GateState, edited_digest
from tasks.permissions.surroundings import Surroundings
from tasks.step.log import RunLog


@dataclass
class Policy:
    """Answers by path."""

    verdicts: Mapping[str, Verdict]
    fingerprint: str = "policy"

    def decide(self, call: Call, context: PolicyContext) -> Decision:
        return Decision(verdict=self.verdicts.get(call.args["path"], "ask"), rule="a.rule", reason="because")

    def target(self, call: Call) -> str:
        return f"/resolved/{call.args['path']}"


@dataclass
class World:
    """An agent with one tool behind the gate; `written` is what really happened."""

    policy: Policy
    log: RunLog
    risk: Risk = "write"
    level: Level = 4
    bind: Mapping[str, Any] | None = None
    written: list[tuple[str, str]] = field(default_factory=list)
    state: GateState = field(default_factory=GateState)

    def facts(self) -> RunFacts:
        return RunFacts(run_id="run", agent="a", started_at=datetime.now(UTC), level=self.level)

    def agent(self, *calls: str | dict[str, Any]) -> Agent[RunFacts, str | DeferredToolRequests]:
        def say(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
            said = sum(isinstance(message, ModelResponse) for message in messages)
            if said < len(calls):
                return ModelResponse(parts=[ToolCallPart("write", calls[said], tool_call_id=f"id-{said}")])
            return ModelResponse(parts=[TextPart("done")])

        async def write(path: str, content: str = "") -> str:
            self.written.append((path, content))
            return "written"

        metadata = {"midwatch": ToolFacts(risk=self.risk, bind=self.bind), "definition": "definition"}
        tools: FunctionToolset[RunFacts] = FunctionToolset([Tool(write, metadata=metadata)], id="tools")
        gate = Gate(
            wrapped=tools,
            policy=self.policy,
            state=self.state,
            conversation="main",
            log=self.log,
            surroundings=Surroundings(log=self.log),
        )
        return Agent(FunctionModel(say), deps_type=RunFacts, output_type=[str, DeferredToolRequests], toolsets=[gate])

    async def denied(self) -> list[tuple[str, str]]:
        """(path, rule) of every refusal that is in the ledger."""
        rows = await self.log.ledger.decisions_of("run")
        return [(parse_call(row.tool, row.args_json).args["path"], row.rule) for row in rows if row.verdict == "deny"]


@pytest.fixture
async def log(tmp_path: Path) -> AsyncIterator[RunLog]:
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}") as ledger:
        await ledger.migrate()
        now = datetime.now(UTC)
        run: dict[str, Any] = {"agent": "a", "cause": "person", "slot": "s", "level": 4, "asked_level": None}
        await ledger.start_run("run", **run, input={}, fingerprint="f", started_at=now)
        yield await RunLog.open("run", ledger)


def heard(messages: Sequence[ModelMessage]) -> str:
    return " ".join(str(part.content) for m in messages for part in m.parts if isinstance(part, ToolReturnPart))


async def test_an_allowed_call_runs_and_is_cleared_with_the_decision_that_is_to_be_kept(log: RunLog) -> None:
    world = World(Policy({"a": "allow"}), log)
    await world.agent({"path": "a"}).run("go", deps=world.facts())
    assert world.written == [("a", "")]
    cleared = world.state.cleared["id-0"]
    assert (cleared.decided.position, cleared.decided.decision.verdict, cleared.ask_id) == (
        "main/gate/id-0",
        "allow",
        None,
    )


async def test_a_denied_call_does_not_run_and_the_model_hears_why(log: RunLog) -> None:
    world = World(Policy({"a": "deny"}), log)
    result = await world.agent({"path": "a"}).run("go", deps=world.facts())
    assert (world.written, await world.denied()) == ([], [("a", "a.rule")])
    assert "Denied by a.rule: because" in heard(result.all_messages())


async def test_what_no_rule_answers_waits_for_a_person(log: RunLog) -> None:
    world = World(Policy({}), log)
    result = await world.agent({"path": "a"}).run("go", deps=world.facts())
    assert isinstance(result.output, DeferredToolRequests)
    request = result.output.metadata["id-0"]
    assert (world.written, request["args_json"], request["rule"]) == ([], '{"content":"","path":"a"}', "a.rule")


async def test_at_level_1_there_are_no_tools(log: RunLog) -> None:
    world = World(Policy({"a": "allow"}), log, level=1)
    with pytest.raises(Exception, match="write"):
        await world.agent({"path": "a"}, {"path": "a"}, {"path": "a"}).run("go", deps=world.facts())
    assert world.written == []


@pytest.mark.parametrize(
    "raw", ['{"path": "b", "path": "a"}', '{"path": "a", "Path": "b"}', '{"path": "a", "content": NaN}']
)
async def test_arguments_that_two_parsers_could_read_differently_never_run(raw: str, log: RunLog) -> None:
    world = World(Policy({"a": "allow", "b": "allow"}), log)
    await world.agent(raw).run("go", deps=world.facts())
    assert world.written == []


async def resumed(world: World, approval: Mapping[str, Any], *, rules: str = "policy") -> Any:
    """The same conversation with a yes to its call, under the rules with this fingerprint."""
    agent = world.agent({"path": "a", "content": "shown"})
    first = await agent.run("go", deps=world.facts())
    world.policy.fingerprint = rules
    results = DeferredToolResults(approvals={"id-0": ToolApproved()}, metadata={"id-0": dict(approval)})
    return await agent.run(deps=world.facts(), message_history=first.all_messages(), deferred_tool_results=results)


async def shown_digest(world: World) -> str:
    """The digest of the call that a person is shown."""
    result = await world.agent({"path": "a", "content": "shown"}).run("go", deps=world.facts())
    assert isinstance(result.output, DeferredToolRequests)
    return str(result.output.metadata["id-0"]["digest"])


def edit_of(original: str, edited: str) -> dict[str, str]:
    shown = '{"path":"a","content":"shown"}'
    return {"ask_id": "ask", "args_json": edited, "edit_of": original, "original_args_json": shown}


async def test_a_yes_to_an_edit_is_void_when_the_rules_changed_since_it_was_shown(log: RunLog) -> None:
    world = World(Policy({}), log)
    original = await shown_digest(world)
    await resumed(world, edit_of(original, '{"path":"a","content":"edited"}'), rules="another policy")
    assert world.written == []
    assert await world.denied() == [("a", "changed")]


async def replayed(world: World, level: Level, *, ran: bool) -> None:
    """The run at level 4, up to the call or to its result, and then its next life at `level`."""
    await world.agent({"path": "a"}).run("go", deps=world.facts())
    decided = world.state.cleared["id-0"].decided
    await world.log.decide(decided)
    if ran:
        await world.log.ledger.record_step("run", "main/tool/id-0", kind="tool", name="write", result_json='"written"')
    world.log, world.level, world.state = await RunLog.open("run", world.log.ledger), level, GateState()
    await world.agent({"path": "a"}).run("go", deps=world.facts())


async def test_what_has_run_is_replayed_as_it_was_decided_though_the_level_fell(log: RunLog) -> None:
    world = World(Policy({"a": "allow"}), log)
    await replayed(world, 2, ran=True)
    assert await world.denied() == []
    assert world.state.cleared["id-0"].decided.decision.verdict == "allow"


async def test_what_has_not_run_yet_is_held_to_the_level_of_now(log: RunLog) -> None:
    world = World(Policy({"a": "allow"}), log)
    await replayed(world, 2, ran=False)
    assert await world.denied() == [("a", "level-2")]


async def test_a_yes_runs_the_call_that_was_shown(log: RunLog) -> None:
    world = World(Policy({}), log)
    await resumed(world, {"ask_id": "ask", "args_json": '{"path":"a","content":"shown"}'})
    assert world.written == [("a", "shown")]
    assert world.state.cleared["id-0"].ask_id == "ask"


async def test_a_yes_to_an_edit_runs_the_edit_under_its_own_digest_and_says_so(log: RunLog) -> None:
    world = World(Policy({}), log)
    edited = '{"path":"a","content":"edited"}'
    original = await shown_digest(world)
    result = await resumed(world, edit_of(original, edited))
    assert world.written == [("a", "edited")]
    assert world.state.cleared["id-0"].digest == edited_digest(original, parse_call("write", edited))
    assert "A person changed the arguments" in heard(result.all_messages())


async def test_a_yes_never_lifts_a_deny(log: RunLog) -> None:
    world = World(Policy({"secret": "deny"}), log)
    await resumed(world, edit_of(await shown_digest(world), '{"path":"secret","content":"x"}'))
    assert world.written == []
    assert await world.denied() == [("secret", "a.rule")]


async def test_what_code_fills_in_is_judged_and_run_though_the_model_never_said_it(log: RunLog) -> None:
    world = World(Policy({"a": "allow"}), log, bind={"content": "bound"})
    await world.agent({"path": "a"}).run("go", deps=world.facts())
    assert world.written == [("a", "bound")]
    assert world.state.cleared["id-0"].call.args["content"] == "bound"


async def test_a_tool_that_declares_nothing_counts_as_the_worst(log: RunLog) -> None:
    world = World(Policy({"a": "allow"}), log, risk="execute", level=3)
    result = await world.agent({"path": "a"}).run("go", deps=world.facts())
    assert isinstance(result.output, DeferredToolRequests)
