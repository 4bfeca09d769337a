"""Permissions: where does a call of a rehearsal go, and what may the run do that executes what one has staged?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_ai import RunContext, ToolsetTool, WrapperToolset
from pydantic_ai.exceptions import CallDeferred

from midwatch.ask_context import AskContext
from midwatch.calls import Call, canonical_json
from midwatch.decision import Decision
from midwatch.ledger import Ledger, Staged, StagedRow
from midwatch.rehearsal import STAGED, UNASKED, Rehearsed, executes
from midwatch.risk import ToolFacts
from midwatch.run import RunFacts
from tasks.permissions.cleared import JudgedCall
from tasks.permissions.previews import preview_of
from tasks.step.log import RunLog


async def stage(
    judged: JudgedCall, context_json: str, facts: ToolFacts, position: str, call_id: str, run: RunFacts, log: RunLog
) -> None:
    """Keep a call that is not executed. Later lives of the run stage nothing anew."""
    assert judged.decision.verdict != "deny"
    call = Staged(
        run_id=run.run_id,
        call_id=call_id,
        position=position,
        item=run.item,
        tool=judged.call.tool,
        args_json=canonical_json(judged.call.args),
        bound=tuple(sorted(facts.bind or {})),
        digest=judged.digest,
        verdict=judged.decision.verdict,
        rule=judged.decision.rule,
        reason=judged.decision.reason,
        risk=facts.risk,
        context_json=context_json,
    )
    await log.ledger.stage(call, judged.as_decided(position))


def was_staged(call: Call) -> Any:  # noqa: ARG001  # in the place of the call's result
    """What the model hears instead of a result."""
    return STAGED


@dataclass(frozen=True, kw_only=True)
class Carried:
    """What a run executes that was staged and approved; it does nothing else."""

    rehearsal: str
    """The run that staged it."""
    calls: Mapping[str, StagedRow]
    """By call id, in their order."""
    ledger: Ledger

    async def judged(self, judged: JudgedCall, facts: ToolFacts, call_id: str, run: RunFacts) -> Decision:
        """What the rules say, where the call is still the one that was staged."""
        row = self.calls.get(call_id)
        then = None if row is None else _as_staged(row)
        shows = AskContext(preview=await preview_of(judged.call, facts, run)).shown
        if then is not None and shows != then.shown and await self._has_begun(call_id, run):
            shows = then.shown
        return executes(judged.decision, then, Rehearsed(digest=judged.digest, shown=shows))

    async def _has_begun(self, call_id: str, run: RunFacts) -> bool:
        """In an earlier life of the run: then it is the call itself that has changed what stands there."""
        return any(effect.call_id == call_id for effect in await self.ledger.effects_of(run.run_id))


def _as_staged(row: StagedRow) -> Rehearsed:
    return Rehearsed(digest=row.digest, shown=AskContext.model_validate_json(row.context_json).shown)


@dataclass
class Unasked(WrapperToolset[RunFacts]):
    """Tools of a rehearsal: a question to a person goes nowhere, and its conversation goes on."""

    async def call_tool(
        self, name: str, tool_args: dict[str, Any], ctx: RunContext[RunFacts], tool: ToolsetTool[RunFacts]
    ) -> Any:
        try:
            return await super().call_tool(name, tool_args, ctx, tool)
        except CallDeferred:
            return UNASKED
