from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults, ToolApproved
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import Tool
from pydantic_ai.toolsets import FunctionToolset
from sqlalchemy import update

from midwatch.ask_context import LONGEST, AskContext, Preview
from midwatch.calls import Call, parse_call
from midwatch.decision import Decision, Verdict
from midwatch.ledger import Ask, Ledger
from midwatch.ledger.tables import asks
from midwatch.policy import PolicyContext
from midwatch.risk import Risk, ToolFacts
from midwatch.run import Level, RunFacts
from midwatch.window import Draw
from tasks.permissions.cleared import GateState
from tasks.permissions.gate import Gate
from tasks.permissions.surroundings import Surroundings
from tasks.permissions.yes import edited_digest
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

    def draws(self, call: Call, context: PolicyContext, decision: Decision) -> tuple[Draw, ...]:
        return ()


@dataclass
class World:
    """An agent with one tool behind the gate; `written` is what really happened."""

    policy: Policy
    log: RunLog
    risk: Risk = "write"
    level: Level = 4
    reachable: bool = True
    bind: Mapping[str, Any] | None = None
    preview: str | Exception = ""
    stands: str | None = None
    written: list[tuple[str, str]] = field(default_factory=list)
    state: GateState = field(default_factory=GateState)

    async def previewed(self, _facts: RunFacts, args: Mapping[str, Any]) -> Preview | None:
        if isinstance(self.preview, Exception):
            raise self.preview
        text = self.preview
        return Preview(label=str(args["path"]), text=text, before=self.stands) if text else None

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

        facts = ToolFacts(risk=self.risk, bind=self.bind, preview=self.previewed)
        metadata = {"midwatch": facts, "definition": "definition"}
        tools: FunctionToolset[RunFacts] = FunctionToolset([Tool(write, metadata=metadata)], id="tools")
        gate = Gate(
            wrapped=tools,
            policy=self.policy,
            state=self.state,
            conversation="main",
            log=self.log,
            surroundings=Surroundings(),
            reachable=self.reachable,
        )
        return Agent(FunctionModel(say), deps_type=RunFacts, output_type=[str, DeferredToolRequests], toolsets=[gate])

    async def denied(self) -> list[tuple[str, str]]:
        """(path, rule) of every refusal that is in the ledger."""
        rows = await self.log.ledger.decisions_of("run")
        return [(parse_call(row.tool, row.args_json).args["path"], row.rule) for row in rows if row.verdict == "deny"]


@pytest.fixture
async def log(ledger_url: str) -> AsyncIterator[RunLog]:
    async with Ledger.open(ledger_url) as ledger:
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


SHOWN = {"path": "a", "content": "shown"}


async def asked(world: World, **changes: Any) -> tuple[Sequence[ModelMessage], Ask]:
    """The conversation as far as its call waits for a person, and the question as it stands in the ledger."""
    first = await world.agent(SHOWN).run("go", deps=world.facts())
    assert isinstance(first.output, DeferredToolRequests)
    request, now = first.output.metadata["id-0"], datetime.now(UTC)
    facts: dict[str, Any] = {
        "ask_id": "ask",
        "run_id": "run",
        "call_id": "main/id-0",
        "tool": "write",
        "kind": "approve",
        "words": "",
        "created_at": now,
        "deadline": now + timedelta(hours=1),
        **request,
    }
    return first.all_messages(), await world.log.ledger.open_ask(Ask(**{**facts, **changes}))


async def said_yes(world: World, ask: Ask, edited: str | None = None) -> dict[str, Any]:
    """A person's yes in the ledger; returns what the conversation is told of it."""
    call = None if edited is None else parse_call("write", edited)
    await world.log.ledger.decide_ask(
        ask.ask_id,
        "approved" if call is None else "edited",
        by="operator",
        via="cli",
        digest_seen=ask.digest,
        edited_args_json=edited,
        edited_digest=None if call is None else edited_digest(ask.digest, call),
    )
    if edited is None:
        return {"ask_id": ask.ask_id, "args_json": ask.args_json}
    return {
        "ask_id": ask.ask_id,
        "args_json": edited,
        "edit_of": ask.digest,
        "original_args_json": ask.args_json,
    }


async def resumed(
    world: World, history: Sequence[ModelMessage], told: Mapping[str, Any], approval: ToolApproved | None = None
) -> Any:
    """The same conversation with a yes to its call."""
    results = DeferredToolResults(approvals={"id-0": approval or ToolApproved()}, metadata={"id-0": dict(told)})
    return await world.agent(SHOWN).run(
        deps=world.facts(), message_history=list(history), deferred_tool_results=results
    )


async def test_a_yes_runs_the_call_that_was_shown(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world)
    await resumed(world, history, await said_yes(world, ask))
    assert world.written == [("a", "shown")]
    cleared = world.state.cleared["id-0"]
    assert (cleared.ask_id, cleared.decided.decision.verdict) == ("ask", "allow")
    assert "operator said yes" in cleared.decided.decision.reason


async def test_a_yes_to_an_edit_runs_the_edit_under_its_own_digest_and_says_so(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world)
    edited = '{"path":"a","content":"edited"}'
    result = await resumed(world, history, await said_yes(world, ask, edited))
    assert world.written == [("a", "edited")]
    assert world.state.cleared["id-0"].digest == edited_digest(ask.digest, parse_call("write", edited))
    assert "A person changed the arguments" in heard(result.all_messages())


async def test_a_yes_never_lifts_a_deny(log: RunLog) -> None:
    world = World(Policy({"secret": "deny"}), log)
    history, ask = await asked(world)
    await resumed(world, history, await said_yes(world, ask, '{"path":"secret","content":"x"}'))
    assert world.written == []
    assert await world.denied() == [("secret", "a.rule")]


async def test_a_deny_rule_that_came_after_the_yes_holds(log: RunLog) -> None:
    verdicts: dict[str, Verdict] = {}
    world = World(Policy(verdicts), log)
    history, ask = await asked(world)
    told = await said_yes(world, ask)
    verdicts["a"] = "deny"
    await resumed(world, history, told)
    assert (world.written, await world.denied()) == ([], [("a", "a.rule")])


async def refused(world: World, history: Sequence[ModelMessage], told: Mapping[str, Any], **more: Any) -> str:
    """What the model hears of a call that does not run although pydantic-ai was told that it is approved."""
    result = await resumed(world, history, told, **more)
    assert (world.written, world.state.cleared) == ([], {})
    return heard(result.all_messages())


async def test_a_changed_history_is_not_what_was_approved(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world)
    for message in history:
        for part in message.parts:
            if isinstance(part, ToolCallPart):
                part.args = {"path": "b", "content": "never shown"}
    assert "holds another call now than a person was shown" in await refused(world, history, await said_yes(world, ask))


async def test_overriding_arguments_are_not_what_was_approved(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world)
    override = ToolApproved(override_args={"path": "b", "content": "never shown"})
    assert "another call now" in await refused(world, history, await said_yes(world, ask), approval=override)


async def test_an_approval_that_no_person_gave_is_none(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world)
    assert "no yes to it is on file" in await refused(world, history, {"ask_id": "ask", "args_json": ask.args_json})


@pytest.mark.parametrize("told", [{}, {"ask_id": "of nobody", "args_json": '{"path":"a","content":"shown"}'}])
async def test_what_the_conversation_says_of_a_yes_does_not_count(log: RunLog, told: dict[str, str]) -> None:
    world = World(Policy({"b": "allow"}), log)
    history, _ = await asked(world)
    assert "was not done" in await refused(world, history, told)


async def test_a_person_is_shown_what_the_call_would_change_and_what_arguments_it_takes(log: RunLog) -> None:
    _, ask = await asked(World(Policy({}), log, preview="-old\n+new"))
    context = AskContext.model_validate_json(ask.context_json)
    assert context.preview == Preview(label="a", text="-old\n+new")
    assert set(context.parameters["properties"]) == {"path", "content"}


@pytest.mark.parametrize("now", ["-older\n+new", "", OSError("the file is gone")])
async def test_a_yes_is_void_when_the_call_would_change_something_else_by_now(
    log: RunLog, now: str | Exception
) -> None:
    world = World(Policy({}), log, preview="-old\n+new")
    history, ask = await asked(world)
    told = await said_yes(world, ask)
    world.preview = now
    await resumed(world, history, told)
    assert (world.written, await world.denied()) == ([], [("a", "approval")])


async def test_a_yes_holds_where_the_call_would_still_change_the_same(log: RunLog) -> None:
    world = World(Policy({}), log, preview="-old\n+new")
    history, ask = await asked(world)
    await resumed(world, history, await said_yes(world, ask))
    assert world.written == [("a", "shown")]


async def edited(log: RunLog, then: str | None, now: str | None, **what_now: str) -> tuple[World, str]:
    """A yes with other arguments, after what stood there became another; what the model hears."""
    world = World(Policy({}), log, preview="-old\n+new", stands=then)
    history, ask = await asked(world)
    told = await said_yes(world, ask, '{"path":"a","content":"edited"}')
    world.stands, world.preview = now, what_now.get("preview", "-old\n+edited")
    return world, heard((await resumed(world, history, told)).all_messages())


@pytest.mark.parametrize(("then", "now"), [("old", "newer"), ("", "newer"), (None, "newer"), ("old", None)])
async def test_a_yes_by_edit_is_void_when_something_else_stands_there_by_now(
    log: RunLog, then: str | None, now: str | None
) -> None:
    world, told = await edited(log, then, now)
    assert (world.written, await world.denied()) == ([], [("a", "changed")])
    assert "Read it again, and make the call anew" in told
    assert "do not try it again" not in told


async def test_a_yes_by_edit_is_void_when_nobody_can_say_any_more_what_stands_there(log: RunLog) -> None:
    world, _ = await edited(log, "old", "old", preview="")
    assert (world.written, await world.denied()) == ([], [("a", "changed")])


@pytest.mark.parametrize(("then", "now"), [("old", "old"), ("old", ""), ("", ""), (None, None)])
async def test_a_yes_by_edit_holds_where_the_same_or_nothing_stands_there(
    log: RunLog, then: str | None, now: str | None
) -> None:
    world, _ = await edited(log, then, now)
    assert world.written == [("a", "edited")]


async def test_a_preview_that_is_too_long_to_be_shown_binds_all_the_same(log: RunLog) -> None:
    world = World(Policy({}), log, preview="x" * (LONGEST + 1))
    history, ask = await asked(world)
    told = await said_yes(world, ask)
    world.preview = "y" * (LONGEST + 1)
    await resumed(world, history, told)
    assert (world.written, await world.denied()) == ([], [("a", "approval")])


async def test_an_effect_that_began_on_a_yes_is_cleared_up_though_it_has_changed_what_was_shown(log: RunLog) -> None:
    world = World(Policy({}), log, preview="-old\n+new")
    history, ask = await asked(world)
    told = await said_yes(world, ask)
    call: dict[str, Any] = {"tool": "write", "args_json": ask.args_json, "idempotency_key": "k", "ask_id": "ask"}
    await log.ledger.reserve("run", "main/id-0", digest=ask.digest, **call)
    world.preview = ""
    await resumed(world, history, told)
    assert world.written == [("a", "shown")]


async def test_a_yes_to_a_question_that_only_tests_people_is_good_for_nothing(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world, planted="it would be wrong")
    await resumed(world, history, await said_yes(world, ask))
    assert (world.written, await world.denied()) == ([], [("a", "approval")])


async def test_a_yes_for_another_item_of_the_run_is_not_good_here(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world, ask_id="ask-3", call_id="item-003/id-0")
    assert "given to another call" in await refused(world, history, await said_yes(world, ask))


async def test_a_yes_that_another_effect_used_up_is_not_good_again(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world)
    told = await said_yes(world, ask)
    await log.ledger.write(lambda tx: tx.connection.execute(update(asks).values(spent_at=tx.at)), durable=True)
    assert "it is used up" in await refused(world, history, told)


async def test_a_yes_is_void_when_the_rules_changed_since_it_was_shown(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world)
    told = await said_yes(world, ask)
    world.policy.fingerprint = "another policy"
    assert "not what was shown" in await refused(world, history, told)


async def test_a_yes_to_an_edit_is_void_when_the_rules_changed_since_it_was_shown(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world)
    told = await said_yes(world, ask, '{"path":"a","content":"edited"}')
    world.policy.fingerprint = "another policy"
    await refused(world, history, told)
    assert await world.denied() == [("a", "changed")]


async def test_an_effect_that_began_on_a_yes_may_be_cleared_up_on_it(log: RunLog) -> None:
    world = World(Policy({}), log)
    history, ask = await asked(world)
    told = await said_yes(world, ask)
    key: dict[str, Any] = {"tool": "write", "args_json": ask.args_json, "idempotency_key": "k"}
    await log.ledger.reserve("run", "main/id-0", digest=ask.digest, ask_id="ask", **key)
    await resumed(world, history, told)
    assert world.state.cleared["id-0"].ask_id == "ask"


async def test_what_would_be_asked_is_denied_where_nobody_is_there(log: RunLog) -> None:
    world = World(Policy({"b": "allow"}), log, reachable=False)
    result = await world.agent({"path": "a"}, {"path": "b"}).run("go", deps=world.facts())
    assert (world.written, await world.denied()) == ([("b", "")], [("a", "a.rule")])
    assert "a person would be asked, and nobody is there" in heard(result.all_messages())


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


async def test_what_code_fills_in_is_judged_and_run_though_the_model_never_said_it(log: RunLog) -> None:
    world = World(Policy({"a": "allow"}), log, bind={"content": "bound"})
    await world.agent({"path": "a"}).run("go", deps=world.facts())
    assert world.written == [("a", "bound")]
    assert world.state.cleared["id-0"].call.args["content"] == "bound"


async def test_a_tool_that_declares_nothing_counts_as_the_worst(log: RunLog) -> None:
    world = World(Policy({"a": "allow"}), log, risk="execute", level=3)
    result = await world.agent({"path": "a"}).run("go", deps=world.facts())
    assert isinstance(result.output, DeferredToolRequests)
