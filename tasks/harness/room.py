"""Harness: what happens when a conversation outgrows its model's context? It is compacted, by code, from the record.

Before a request that would take more than three quarters of the window, and after one that the provider refused for its
length. The compacted history is stored whole with the next turn, so a later life goes on with it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, cast

from pydantic_ai import RunContext
from pydantic_ai.capabilities import AbstractCapability
from pydantic_ai.exceptions import RetryModelRequest
from pydantic_ai.messages import ModelMessage, ModelResponse
from pydantic_ai.models import ModelRequestContext

from midwatch.contract import Contract
from midwatch.ledger import AskRow, DecisionRow, Ledger
from midwatch.run import RunFacts
from tasks.harness.compact import compacted
from tasks.harness.context import budget_chars, characters, load, needs_compacting
from tasks.harness.durable import Positions
from tasks.harness.note import Answer, Ruling
from tasks.model.retry import error_kind

KEEP_TURNS: Final = 3
SHARE: Final = 0.5
"""Of the window, for a compacted request; half as much where the provider refuses even that."""
REFUSALS: Final = 2
"""How often one turn is made smaller because the provider refused it."""
ARGUMENTS: Final = 500
"""Characters of a decided call that the model is reminded of."""


@dataclass(kw_only=True)
class Room(AbstractCapability[RunFacts]):
    """Keeps one conversation within what its model can take."""

    conversation: str
    positions: Positions
    ledger: Ledger
    goal: str
    """The first message."""
    contract: Contract
    examples: Sequence[ModelMessage]
    refusals: int = 0
    """Of the turn at hand, by the provider, for its length."""

    async def prepare_model_request(
        self, ctx: RunContext[RunFacts], request_context: ModelRequestContext
    ) -> ModelRequestContext:
        """Compact the history for good where it must be. A turn that is replayed was sent as it stands."""
        if self.positions.is_replaying or not self._is_full(request_context):
            return request_context
        smaller = await self._compacted(request_context, ctx.deps.run_id)
        ctx.messages[:] = smaller
        request_context.messages = list(smaller)
        self.positions.whole = True
        return request_context

    async def on_model_request_error(
        self,
        ctx: RunContext[RunFacts],  # noqa: ARG002  # part of the surface
        *,
        request_context: ModelRequestContext,  # noqa: ARG002
        error: Exception,
    ) -> ModelResponse:
        """Ask once more, with less, where the request was too long."""
        if error_kind(error) != "context" or self.refusals >= REFUSALS:
            raise error
        self.refusals += 1
        raise RetryModelRequest

    async def after_model_request(
        self,
        ctx: RunContext[RunFacts],  # noqa: ARG002
        *,
        request_context: ModelRequestContext,  # noqa: ARG002
        response: ModelResponse,
    ) -> ModelResponse:
        """Whatever was refused before, this was short enough."""
        self.refusals = 0
        return response

    def _is_full(self, request: ModelRequestContext) -> bool:
        """Looks at the whole history only where the last answer's own count says that it may be full."""
        window = request.model.context_window
        if self.refusals or window is None:
            return bool(self.refusals)
        since: list[ModelMessage] = []
        for message in reversed(request.messages):
            if isinstance(message, ModelResponse):
                near = message.usage.total_tokens + characters(since) > window / 2
                return near and needs_compacting(load(request.messages, fixed_chars=_fixed(request)), window)
            since.append(message)
        return False

    async def _compacted(self, request: ModelRequestContext, run_id: str) -> list[ModelMessage]:
        weight, fixed = load(request.messages, fixed_chars=_fixed(request)), _fixed(request)
        window = request.model.context_window or weight.tokens
        return compacted(
            request.messages,
            examples=self.examples,
            goal=self.goal,
            contract="\n".join(json.dumps(one.model_dump(exclude_defaults=True)) for one in self.contract.done_when),
            rulings=await self._rulings(run_id),
            keep_turns=KEEP_TURNS,
            budget_chars=budget_chars(weight, window, fixed_chars=fixed, share=SHARE / 2 ** max(0, self.refusals - 1)),
        )

    async def _rulings(self, run_id: str) -> list[Ruling]:
        """Everything that people and rules have decided in this conversation, and what waits."""
        decisions = await self.ledger.decisions_of(run_id)
        asks = await self.ledger.asks_of(run_id)
        return [
            *(_by_rule(row) for row in decisions if row.verdict == "deny" and self._holds(row.position)),
            *(_by_person(row) for row in asks if _concerns(row) and self._holds(row.call_id)),
        ]

    def _holds(self, position: str) -> bool:
        return position.partition("/")[0] == self.conversation


def _concerns(row: AskRow) -> bool:
    """The model asked for it."""
    return row.kind in ("approve", "answer") and not row.planted


def _by_rule(row: DecisionRow) -> Ruling:
    words = f"{row.rule}: {row.reason}"
    return Ruling(tool=row.tool, args_json=_short(row.args_json), answer="denied", by="rule", words=words)


def _by_person(row: AskRow) -> Ruling:
    return Ruling(
        tool=row.tool,
        args_json=_short(row.args_json),
        answer=cast(Answer, row.verdict or "waiting"),
        words=row.answer or row.decided_because or "",
        edited_args_json=row.edited_args_json,
    )


def _short(arguments: str) -> str:
    return arguments if len(arguments) <= ARGUMENTS else f"{arguments[:ARGUMENTS]}…"


def _fixed(request: ModelRequestContext) -> int:
    """Characters that go with every request: instructions and tool definitions."""
    parameters = request.model_request_parameters
    said = sum(len(part.content) for part in parameters.instruction_parts or [])
    tools = parameters.function_tools
    return said + sum(len(tool.description or "") + len(json.dumps(tool.parameters_json_schema)) for tool in tools)
