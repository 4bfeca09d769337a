"""Harness: does a known-bad proposal stand beside what a run asks now? It looks like any other, and can never run.

It has an id and a digest of its own and belongs to no call of a conversation, so nothing in the run goes on with it; the
ledger grants no yes to it anything. Which round gets one is drawn from the run's id and the round: a replay draws the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from string import ascii_letters, digits
from typing import Final

from prefect.artifacts import acreate_markdown_artifact
from prefect.logging import get_run_logger
from pydantic_ai.tools import ToolDefinition

from midwatch.ask_context import AskContext, Preview
from midwatch.calls import Call, canonical_json, digest, plain
from midwatch.decision import Decision
from midwatch.errors import SpecError
from midwatch.ledger import Ask, AskRow, Ledger
from midwatch.planted import SHORTEST, chance, known_bad
from midwatch.policy import PolicyContext
from midwatch.policy.reading import LABELS
from midwatch.reviewer import lesson
from midwatch.risk import ToolFacts
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec, Rules
from tasks.harness.conversation import Conversation
from tasks.harness.place import Place
from tasks.harness.rules import policy_of, tool_definitions
from tasks.permissions.declared import declared
from tasks.permissions.level import held_to_level
from tasks.permissions.previews import preview_of

LIKE_A_CALLS: Final = 8
"""Characters of a call's id that can be drawn anew so that no later call ever has the same."""


async def beside(ledger: Ledger, spec: AgentSpec, asked: Sequence[Ask], waiting: Sequence[Conversation]) -> Ask | None:
    """A planted proposal for the round `asked`, where one is due; the ledger has the last word on the share."""
    if spec.planted is None or spec.escalation.deadline_minutes < SHORTEST:
        return None
    before = await ledger.asks_of(asked[0].run_id)
    known = {row.ask_id for row in before}
    calls = [ask for ask in asked if ask.kind == "approve" and ask.ask_id not in known]
    draw = Random(f"{asked[0].run_id}:{sum(not row.planted for row in before)}")
    if not calls or draw.random() >= chance(spec.planted.share, len(calls)):
        return None
    companion = draw.choice(calls)
    (conversation,) = [one for one in waiting if companion.call_id.startswith(f"{one.name}/")]
    try:
        return await _proposal(spec, draw, companion, asked, conversation)
    except SpecError:
        return None  # a server's tool went since the run began: that spoils the test, and not the run


async def of_run(ledger: Ledger, run_id: str) -> list[AskRow]:
    """Those of a run that wait, or that took it over; nothing else that was said to one matters to it."""
    rows = await ledger.asks_of(run_id)
    return [row for row in rows if row.planted and row.verdict in (None, "taken_over")]


async def tell(spec: AgentSpec, rows: Sequence[AskRow]) -> None:
    """Tell whoever answered in Prefect's UI that it was a test: in the run's log, and as an artifact beside it."""
    for row in rows:
        if row.via == "prefect-ui" and (said := lesson(row)):
            get_run_logger().warning(said)
            await acreate_markdown_artifact(key=f"{spec.name}-test", markdown=said, description="A request was a test.")


async def _proposal(
    spec: AgentSpec, draw: Random, companion: Ask, asked: Sequence[Ask], conversation: Conversation
) -> Ask | None:
    """What the agent might have asked for besides, in the same breath as `companion`."""
    facts, here = conversation.facts, Place(project=conversation.facts.project, home=conversation.facts.home)
    tools = await tool_definitions(conversation.toolset, facts, conversation.opening.model)
    policy = policy_of(spec, tools, here)
    real = {(ask.tool, ask.args_json) for ask in asked}
    bad = [one for one in known_bad(spec, policy) if (one.call.tool, canonical_json(one.call.args)) not in real]
    if not bad:
        return None
    one = draw.choice(bad)
    call_id = _call_id(companion, conversation.name, draw)
    definition = tools[one.call.tool]
    worded = _worded(one.call, spec, tools, here, facts)
    return replace(
        companion,
        ask_id=f"{companion.run_id}:{conversation.name}:{call_id}",
        call_id=f"{conversation.name}/{call_id}",
        tool=one.call.tool,
        args_json=canonical_json(one.call.args),
        digest=digest(one.call, definition="planted", target=call_id),
        rule=worded.rule,
        reason=worded.reason,
        context_json=(await _context(companion, one.call, definition, facts)).model_dump_json(),
        planted=one.wrong,
    )


def _call_id(companion: Ask, conversation: str, draw: Random) -> str:
    """An id as the same provider gives them; `pyd_ai_...`, as pydantic-ai does, where its own are too short to be unique."""
    real = companion.call_id.removeprefix(f"{conversation}/")
    head, mark, tail = real.rpartition("_")
    if len(tail) < LIKE_A_CALLS:
        return f"pyd_ai_{draw.getrandbits(128):032x}"
    signs = "0123456789abcdef" if set(tail) <= set("0123456789abcdef") else ascii_letters + digits
    return f"{head}{mark}{''.join(draw.choice(signs) for _ in tail)}"


def _worded(call: Call, spec: AgentSpec, tools: dict[str, ToolDefinition], here: Place, facts: RunFacts) -> Decision:
    """Why a person is asked, as the gate would word it if no rule denied the call."""
    clean = PolicyContext(labels=dict.fromkeys(LABELS, False))
    for rules in (Rules(allow=spec.rules.allow, ask=spec.rules.ask), Rules(ask=spec.rules.ask)):
        policy = policy_of(spec.model_copy(update={"rules": rules}), tools, here)
        decision = held_to_level(policy.decide(call, clean), facts.level, declared(tools[call.tool]).risk)
        if decision.verdict == "ask":
            return decision
    return Decision(verdict="ask", rule="default", reason=f"no rule allows any `{call.tool}` here")


async def _context(companion: Ask, call: Call, definition: ToolDefinition, facts: RunFacts) -> AskContext:
    tool = declared(definition)
    return AskContext.model_validate_json(companion.context_json).model_copy(
        update={
            "preview": await _preview(call, tool, facts),
            "parameters": definition.parameters_json_schema,
            "risk": tool.risk,
        }
    )


async def _preview(call: Call, tool: ToolFacts, facts: RunFacts) -> Preview | None:
    """What a real request would show, unless it holds more than the proposal itself: what is denied is not shown either."""
    shown = await preview_of(call, tool, facts)
    if shown is None:
        return None
    return shown if shown.before == "" or shown.text in plain(call.args).values() else None
