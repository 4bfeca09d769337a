"""Permissions: the one place that every tool call passes, MCP included. Outside the model, before the tool.

The gate wraps the toolsets of a run. What it lets through is written down in `Cleared`; the harness runs no call that is
not there, so a toolset that somehow stands outside the gate cannot do anything.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Protocol, assert_never

from pydantic_ai import RunContext, ToolsetTool, WrapperToolset
from pydantic_ai.exceptions import ApprovalRequired, ToolFailed
from pydantic_ai.tools import ToolDefinition

from midwatch.approval import Attempt, answered
from midwatch.ask_context import AskContext
from midwatch.budget import BudgetSpent
from midwatch.calls import Call, digest, parse_call, plain
from midwatch.decision import Decision, strictest
from midwatch.errors import MidwatchError, WindowFull
from midwatch.policy import PolicyContext
from midwatch.rehearsal import is_staged
from midwatch.risk import ToolFacts
from midwatch.run import RunFacts
from midwatch.window import Draw
from tasks.permissions.cleared import ClearedCall, GateState, JudgedCall
from tasks.permissions.declared import declared, definition_hash
from tasks.permissions.earned import Ruled
from tasks.permissions.level import held_to_level, held_to_reach
from tasks.permissions.previews import preview_of
from tasks.permissions.rehearsal import stage
from tasks.permissions.surroundings import Surroundings
from tasks.permissions.wanted import canonical, raw_arguments
from tasks.permissions.yes import approval_of, approved_call, edited_digest, is_still_asked_for, superseded, uncapped
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

    def draws(self, call: Call, context: PolicyContext, decision: Decision) -> tuple[Draw, ...]:
        """What the call takes from the budgets of its rules, should it run on `decision`."""
        ...


@dataclass
class Gate(WrapperToolset[RunFacts]):
    """deny: the model is told why; ask: the conversation stops for a person; allow: the call is cleared and runs."""

    policy: Judge
    state: GateState
    conversation: str
    log: RunLog
    surroundings: Surroundings
    reachable: bool = True
    """Somebody can be asked (the agent's file, `escalation.to`)."""

    async def get_tools(self, ctx: RunContext[RunFacts]) -> dict[str, ToolsetTool[RunFacts]]:
        tools = await super().get_tools(ctx)
        return {} if ctx.deps.level == 1 else tools

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[RunFacts], tool: ToolsetTool[RunFacts]
    ) -> Any:
        try:
            return await self._judged_and_run(name, tool_args, ctx, tool)
        except WindowFull:
            return await self._again(name, tool_args, ctx, tool)
        except BudgetSpent as spent:
            raise ToolFailed(await self._no_room(spent.meter.field, spent, ctx)) from spent

    async def _again(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[RunFacts], tool: ToolsetTool[RunFacts]
    ) -> Any:
        """Another call was quicker, and a budget has no room any more: nothing was done, and the rules are asked again."""
        try:
            return await self._judged_and_run(name, tool_args, ctx, tool)
        except WindowFull as full:
            raise ToolFailed(await self._no_room("budget", full, ctx)) from full

    async def _no_room(self, rule: str, error: MidwatchError, ctx: RunContext[RunFacts]) -> str:
        """What was cleared is denied after all, before it began; returns what the model hears."""
        cleared = self.state.cleared.pop(ctx.tool_call_id or "")
        decision = Decision(verdict="deny", rule=rule, reason=str(error))
        judged = JudgedCall(call=cleared.call, digest=cleared.digest, decision=decision)
        await self._write(judged, self._position(ctx))
        return refusal(decision)

    async def _judged_and_run(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[RunFacts], tool: ToolsetTool[RunFacts]
    ) -> Any:
        facts = declared(tool.tool_def)
        fresh = canonical(name, {**tool_args, **(facts.bind or {})}, raw_arguments(ctx))
        judged = await self._judged(fresh, facts, ctx, tool.tool_def)
        if ctx.deps.shadow and is_staged(judged.decision, facts.risk):
            context = (await self._request(judged, facts, ctx, tool.tool_def))["context_json"]
            at, call_id = self._position(ctx), self._call_id(ctx)
            await stage(judged, context, facts, at, call_id, ctx.deps, self.log)
            return self.surroundings.hears(judged.call)
        match judged.decision.verdict:
            case "deny":
                raise ToolFailed(refusal(judged.decision))
            case "ask":
                raise ApprovalRequired(metadata=await self._request(judged, facts, ctx, tool.tool_def))
            case "allow":
                self.state.cleared[ctx.tool_call_id or ""] = ClearedCall(
                    call=judged.call,
                    digest=judged.digest,
                    facts=facts,
                    decided=judged.as_decided(self._position(ctx)),
                    ask_id=approval_of(ctx).get("ask_id"),
                    draws=judged.draws,
                )
                result = await super().call_tool(name, plain(judged.call.args), ctx, tool)
                return superseded(judged.call, result) if "edit_of" in approval_of(ctx) else result
            case _:
                assert_never(judged.decision.verdict)

    async def _request(
        self, judged: JudgedCall, facts: ToolFacts, ctx: RunContext[RunFacts], definition: ToolDefinition
    ) -> dict[str, str]:
        """What an ask is made of."""
        labels = self.surroundings.labels
        context = AskContext(
            read=tuple(labels.read),
            read_in_all=labels.read_in_all,
            preview=await preview_of(judged.call, facts, ctx.deps),
            parameters=definition.parameters_json_schema,
            risk=facts.risk,
        )
        return {**judged.as_request(), "context_json": context.model_dump_json()}

    async def _judged(
        self, fresh: Call, facts: ToolFacts, ctx: RunContext[RunFacts], definition: ToolDefinition
    ) -> JudgedCall:
        """`fresh` with its decision; on a replay the call that was judged then.

        What code fills in may differ between two lives of a run (a list of files), and so may level and rules. The call
        that was judged first is the one that runs; until it has run, the stricter of both decisions holds. What has run
        has run: it is replayed as it was decided, and neither asked about again nor called refused.

        What is not allowed is written down at once; what is, together with what comes of it (`ClearedCall.decided`).
        """
        shown, fresh = fresh, approved_call(fresh, approval_of(ctx))
        context = await self.surroundings.around(fresh.tool, definition, self._call_id(ctx))
        now = await self._decide(fresh, shown, facts, ctx, definition, context)
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
        again = await self._decide(first, shown, facts, ctx, definition, context)
        if again.digest != then.digest:
            before = _changed("the tool or its rules changed since it was judged")
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
        return f"{self.conversation}/{'gate-approved' if ctx.tool_call_approved else 'gate'}/{ctx.tool_call_id}"

    def _call_id(self, ctx: RunContext[RunFacts]) -> str:
        """As the ledger knows the call: unique in its run."""
        return f"{self.conversation}/{ctx.tool_call_id}"

    async def _decide(
        self,
        call: Call,
        shown: Call,
        facts: ToolFacts,
        ctx: RunContext[RunFacts],
        definition: ToolDefinition,
        context: PolicyContext,
    ) -> JudgedCall:
        """The rules first, also behind a yes: it answers what they ask, and lifts no deny.

        Args:
            shown: the call as it stands in the conversation now.
        """
        ruled = await self._ruled(call, facts, ctx, context)
        draws, approval = ruled.draws, approval_of(ctx)
        judged = JudgedCall(call=call, digest=self._digest(call, definition), decision=ruled.decision, draws=draws)
        if not ctx.tool_call_approved and (carried := self.surroundings.carried) is not None:
            return replace(judged, decision=await carried.judged(judged, facts, self._call_id(ctx), ctx.deps))
        if not ctx.tool_call_approved:
            judged = await self._with_a_mandate(judged, facts, ctx, definition, context)
            return replace(judged, decision=held_to_reach(judged.decision, reachable=self.reachable))
        if original := approval.get("edit_of"):
            judged = replace(judged, digest=edited_digest(original, call))
            seen = self._digest(parse_call(call.tool, approval["original_args_json"]), definition)
            if seen != original:
                return replace(judged, decision=_changed("the tool or its rules changed since it was shown"))
        if not is_still_asked_for(shown, approval, facts.bind):
            return replace(judged, decision=_changed("the conversation holds another call now than a person was shown"))
        return replace(
            judged, decision=await self._with_the_yes(judged, approval.get("ask_id"), facts, ctx), draws=uncapped(draws)
        )

    async def _ruled(self, call: Call, facts: ToolFacts, ctx: RunContext[RunFacts], context: PolicyContext) -> Ruled:
        """What the rules say, as far as the agent is trusted at this moment."""
        around = self.surroundings
        if around.earned is not None:
            return await around.earned.ruled(call, facts, context, around.labels)
        decision = around.labels.held(self.policy.decide(call, context), call, facts)
        decision = held_to_level(decision, ctx.deps.level, facts.risk)
        return Ruled(decision=decision, draws=self.policy.draws(call, context, decision))

    async def _with_a_mandate(
        self,
        judged: JudgedCall,
        facts: ToolFacts,
        ctx: RunContext[RunFacts],
        definition: ToolDefinition,
        context: PolicyContext,
    ) -> JudgedCall:
        """What would be asked, and a person has allowed ahead of time; a deny no mandate is asked about."""
        around = self.surroundings
        if judged.decision.verdict != "ask" or around.mandates is None:
            return judged
        answer = await around.mandates.answer(
            judged.decision,
            judged.call,
            facts,
            definition_hash(definition),
            context,
            around.labels,
            self._call_id(ctx),
        )
        return replace(judged, decision=answer.decision, draws=(*judged.draws, *answer.draws))

    async def _with_the_yes(
        self, judged: JudgedCall, ask_id: str | None, facts: ToolFacts, ctx: RunContext[RunFacts]
    ) -> Decision:
        """What stands in the ledger counts, and nothing that the conversation carries."""
        now = AskContext(preview=await preview_of(judged.call, facts, ctx.deps))
        attempt = Attempt(
            run_id=ctx.deps.run_id,
            call_id=self._call_id(ctx),
            digest=judged.digest,
            at=datetime.now(UTC),
            shows=now.shown,
            before=now.before,
        )
        on_file = await self.log.ledger.approval(ask_id, attempt) if ask_id else None
        return answered(judged.decision, on_file, attempt)

    def _digest(self, call: Call, definition: ToolDefinition) -> str:
        try:
            target = self.policy.target(call)
        except Exception:
            target = ""  # what cannot be resolved is denied anyway
        return digest(call, definition=definition_hash(definition), policy=self.policy.fingerprint, target=target)


def refusal(decision: Decision) -> str:
    """What the model hears of a denied call."""
    again = "" if decision.rule == "changed" else "; do not try it again"
    return f"Denied by {decision.rule}: {decision.reason}. It was not done{again}."


def _changed(why: str) -> Decision:
    return Decision(verdict="deny", rule="changed", reason=why)
