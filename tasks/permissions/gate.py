"""Permissions: the one place that every tool call passes, MCP included. Outside the model, before the tool.

The gate wraps the toolsets of a run. What it lets through is written down in `Cleared`; the harness runs no call that is
not there, so a toolset that somehow stands outside the gate cannot do anything.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, assert_never

from pydantic_ai import RunContext, ToolsetTool, WrapperToolset
from pydantic_ai.exceptions import ApprovalRequired, ModelRetry, ToolFailed
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_ai.tools import ToolDefinition
from pydantic_core import to_jsonable_python

from midwatch.calls import Call, canonical_json, digest, parse_call, plain
from midwatch.decision import Decision, strictest
from midwatch.errors import CallError
from midwatch.ledger import Decided
from midwatch.policy import PolicyContext
from midwatch.risk import Risk, ToolFacts
from midwatch.run import RunFacts
from tasks.permissions.level import held_to_level
from tasks.permissions.surroundings import Surroundings
from tasks.step.log import RunLog


class Judge(Protocol):
    """The policy of the run."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of the rules."""
        ...

    def decide(self, call: Call, context: PolicyContext) -> Decision:
        """Allow, ask or deny, with the rule and the reason. Never raises."""
        ...

    def target(self, call: Call) -> str:
        """What the call really reaches, such as a path with its links followed; "" where nothing is resolved."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ClearedCall:
    """One call that may run now, exactly as it was judged."""

    call: Call
    digest: str
    facts: ToolFacts
    decided: Decided
    """The gate's answer, to be written down with what comes of the call."""
    ask_id: str | None
    """The ask whose yes this call stands on; None where a rule allowed it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedCall:
    """One call and the gate's answer to it."""

    call: Call
    digest: str
    decision: Decision

    def as_request(self) -> dict[str, str]:
        """What an ask is made of."""
        return {
            "args_json": canonical_json(self.call.args),
            "digest": self.digest,
            "rule": self.decision.rule,
            "reason": self.decision.reason,
        }

    def as_decided(self, position: str) -> Decided:
        """What the ledger keeps."""
        return Decided(
            position=position,
            tool=self.call.tool,
            args_json=canonical_json(self.call.args),
            digest=self.digest,
            decision=self.decision,
        )


@dataclass
class GateState:
    """What the gate of one conversation let through in this life of the run; what it refused is in the ledger."""

    cleared: dict[str, ClearedCall] = field(default_factory=dict)


@dataclass
class Gate(WrapperToolset[RunFacts]):
    """deny: the model is told why; ask: the conversation stops for a person; allow: the call is cleared and runs."""

    policy: Judge
    state: GateState
    conversation: str
    log: RunLog
    surroundings: Surroundings

    async def get_tools(self, ctx: RunContext[RunFacts]) -> dict[str, ToolsetTool[RunFacts]]:
        tools = await super().get_tools(ctx)
        return {} if ctx.deps.level == 1 else tools

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[RunFacts], tool: ToolsetTool[RunFacts]
    ) -> Any:
        facts = declared(tool.tool_def)
        fresh = canonical(name, {**tool_args, **(facts.bind or {})}, raw_arguments(ctx))
        judged = await self._judged(fresh, facts.risk, ctx, tool.tool_def)
        match judged.decision.verdict:
            case "deny":
                raise ToolFailed(refusal(judged.decision))
            case "ask" if not ctx.tool_call_approved:
                raise ApprovalRequired(metadata=judged.as_request())
            case "ask" | "allow":
                self.state.cleared[ctx.tool_call_id or ""] = ClearedCall(
                    call=judged.call,
                    digest=judged.digest,
                    facts=facts,
                    decided=judged.as_decided(self._position(ctx)),
                    ask_id=approval_of(ctx).get("ask_id"),
                )
                result = await super().call_tool(name, plain(judged.call.args), ctx, tool)
                return superseded(judged.call, result) if "edit_of" in approval_of(ctx) else result
            case _:
                assert_never(judged.decision.verdict)

    async def _judged(
        self, fresh: Call, risk: Risk, ctx: RunContext[RunFacts], definition: ToolDefinition
    ) -> JudgedCall:
        """`fresh` with its decision; on a replay the call that was judged then.

        What code fills in may differ between two lives of a run (a list of files), and so may level and rules. The call
        that was judged first is the one that runs; until it has run, the stricter of both decisions holds. What has run
        has run: it is replayed as it was decided, and neither asked about again nor called refused.

        What is not allowed is written down at once; what is, together with what comes of it (`ClearedCall.decided`).
        """
        approval = approval_of(ctx)
        if args_json := approval.get("args_json"):
            fresh = parse_call(fresh.tool, args_json)
        context = await self.surroundings.around(fresh.tool, definition)
        now = self._decide(fresh, risk, ctx, definition, context)
        position = self._position(ctx)
        then = self.log.decisions.get(position)
        if then is None:
            await self._write(now, position)
            return now
        before = Decision(verdict=then.verdict, rule=then.rule, reason=then.reason)
        if (then.digest, before) == (now.digest, now.decision):
            return now
        first = parse_call(fresh.tool, then.args_json)
        if self.log.done(f"{self.conversation}/tool/{ctx.tool_call_id}") is not None:
            return JudgedCall(call=first, digest=then.digest, decision=before)
        again = self._decide(first, risk, ctx, definition, context)
        if again.digest != then.digest:
            before = Decision(
                verdict="deny", rule="changed", reason="the tool or its rules changed since it was judged"
            )
        judged = replace(again, decision=strictest(before, again.decision))
        await self._write(judged, f"{self.conversation}/gate-again/{ctx.tool_call_id}")
        return judged

    async def _write(self, judged: JudgedCall, position: str) -> None:
        """Show the decision to people, and keep it unless it is an allow, which is kept with what comes of it."""
        decision = judged.decision
        title = f"permissions · {judged.call.tool}: {decision.verdict} ({decision.rule})"
        with self.log.show("permissions", title, position):
            if decision.verdict != "allow":
                await self.log.decide(judged.as_decided(position))

    def _position(self, ctx: RunContext[RunFacts]) -> str:
        """Of the decision about the call at hand; a yes of a person is a decision of its own."""
        return f"{self.conversation}/{'gate-approved' if approval_of(ctx) else 'gate'}/{ctx.tool_call_id}"

    def _decide(
        self, call: Call, risk: Risk, ctx: RunContext[RunFacts], definition: ToolDefinition, context: PolicyContext
    ) -> JudgedCall:
        decision = held_to_level(self.policy.decide(call, context), ctx.deps.level, risk)
        approval = approval_of(ctx)
        if not (original := approval.get("edit_of")):
            return JudgedCall(call=call, digest=self._digest(call, definition), decision=decision)
        if self._digest(parse_call(call.tool, approval["original_args_json"]), definition) != original:
            decision = Decision(
                verdict="deny", rule="changed", reason="the tool or its rules changed since it was shown"
            )
        return JudgedCall(call=call, digest=edited_digest(original, call), decision=decision)

    def _digest(self, call: Call, definition: ToolDefinition) -> str:
        try:
            target = self.policy.target(call)
        except Exception:
            target = ""  # what cannot be resolved is denied anyway
        return digest(call, definition=definition_hash(definition), policy=self.policy.fingerprint, target=target)


def refusal(decision: Decision) -> str:
    """What the model hears of a denied call."""
    return f"Denied by {decision.rule}: {decision.reason}. It was not done; do not try it again."


def superseded(call: Call, result: Any) -> dict[str, Any]:
    """What the model hears when a person changed its call: what ran instead, and what came of it."""
    return {
        "note": "A person changed the arguments. The call as you made it was not run; this one was.",
        "arguments": plain(call.args),
        "result": result,
    }


def edited_digest(original: str, call: Call) -> str:
    """The digest of `call` as a person's edit of the call whose digest is `original`, definition and policy included."""
    return digest(call, target=f"edit of {original}")


def approval_of(ctx: RunContext[RunFacts]) -> Mapping[str, str]:
    """The ask that a person said yes to, for the call at hand; empty where nobody did.

    `ask_id` and `args_json`; for an edit also `edit_of` (the digest that was shown) and `original_args_json`.
    """
    return (ctx.tool_call_metadata or {}) if ctx.tool_call_approved else {}


def canonical(name: str, arguments: Mapping[str, Any], raw: str | None) -> Call:
    """The one object that is judged, shown, hashed, stored and executed.

    `raw` is the text that the model wrote: it must be one well-formed object, or the model is told what is wrong with it.
    """
    try:
        if raw is not None:
            parse_call(name, raw)
        return parse_call(name, to_jsonable_python(dict(arguments)))
    except CallError as error:
        raise ModelRetry(f"{error} Send the call again with well-formed arguments.") from error


def raw_arguments(ctx: RunContext[RunFacts]) -> str | None:
    """The argument text of the current call as the model wrote it; None where the provider gave no text."""
    for message in reversed(ctx.messages):
        if isinstance(message, ModelResponse):
            for part in message.parts:
                if isinstance(part, ToolCallPart) and part.tool_call_id == ctx.tool_call_id:
                    return part.args if isinstance(part.args, str) and part.args else None
    return None


def declared(definition: ToolDefinition) -> ToolFacts:
    """What the tool says about itself; the worst case where it says nothing."""
    facts = (definition.metadata or {}).get("midwatch")
    return facts if isinstance(facts, ToolFacts) else ToolFacts()


def definition_hash(definition: ToolDefinition) -> str:
    """SHA-256 of name, description and schema, as the tools layer computed it."""
    return str((definition.metadata or {}).get("definition", ""))
