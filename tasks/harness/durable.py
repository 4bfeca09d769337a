"""Harness: how does the agent loop survive a crash? pydantic-ai's durable surface on top of positioned Prefect tasks.

Every model request and every tool call of a conversation is one `step`. The position of a model request is its number in
the conversation, that of a tool call is the model's tool call id, so nothing is hashed and nothing grows with the history.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Protocol, assert_never

from prefect.context import FlowRunContext
from pydantic_ai import RunContext
from pydantic_ai.durable_exec import (
    JSON_CODEC,
    BaseDurabilityCapability,
    CallableOperationBackend,
    CapabilityOperationId,
    DurabilityEngineSpec,
    DurableOperationBackend,
    DurableOperationId,
    EventStreamHandlerId,
    JournalOperationNamer,
    ModelCancelSuspendedResponseId,
    ModelCompactMessagesId,
    ModelRequestId,
    RoleBasedOperationConfig,
    ToolsetCallToolId,
    ToolsetGetInstructionsId,
    ToolsetGetToolsId,
    ToolsetValidateToolArgumentsId,
)
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelResponse, ToolCallPart

from midwatch.run import RunFacts
from tasks.step import step

Body = Callable[[], Awaitable[object]]


class Recorder(Protocol):
    """What happens around an operation that really runs, inside its durable unit; a replay never gets here."""

    async def model_request(self, position: str, body: Body) -> object:
        """Run the request and put what it cost into the ledger."""
        ...

    async def tool_call(self, position: str, tool_call_id: str, tool: str, body: Body) -> object:
        """Run the call; an effect is reserved before and consumed after."""
        ...


@dataclass
class Positions:
    """Counts one conversation's operations; rebuilt in the same order when the run is replayed."""

    conversation: str
    turns: int = 0
    calls: set[str] = field(default_factory=set)
    """Ids of the tool calls that the model made; an id is a position, so each is good once."""
    others: dict[str, int] = field(default_factory=dict)

    def next_turn(self) -> int:
        self.turns += 1
        return self.turns

    def take_calls(self, response: ModelResponse) -> None:
        """Raises UnexpectedModelBehavior where a tool call has no id of its own."""
        for part in response.parts:
            if isinstance(part, ToolCallPart):
                if not part.tool_call_id or part.tool_call_id in self.calls:
                    raise UnexpectedModelBehavior(f"the model gave two tool calls the id {part.tool_call_id!r}")
                self.calls.add(part.tool_call_id)

    def next_of(self, kind: str) -> str:
        self.others[kind] = self.others.get(kind, 0) + 1
        return f"{self.conversation}/{kind}/{self.others[kind]}"


class StepBackend(CallableOperationBackend[None]):
    """Runs each operation of the agent loop as one positioned step."""

    def __init__(self, agent_name: str, positions: Positions, recorder: Recorder) -> None:
        super().__init__(
            namer=JournalOperationNamer(agent_name, default_model_id="default"),
            config=RoleBasedOperationConfig(model=None, event=None, capability=None, tool=None),
        )
        self._positions, self._recorder = positions, recorder

    async def execute(
        self,
        *,
        operation_id: DurableOperationId,
        name: str,
        body: Body,
        cache_key: tuple[object, ...],
        config: None,  # noqa: ARG002  # part of the surface
    ) -> object:
        match operation_id:
            case ModelRequestId():
                return await self._model_request(body)
            case ToolsetCallToolId():
                return await self._tool_call(body, cache_key)
            case (
                ModelCancelSuspendedResponseId()
                | ModelCompactMessagesId()
                | EventStreamHandlerId()
                | ToolsetGetToolsId()
                | ToolsetGetInstructionsId()
                | ToolsetValidateToolArgumentsId()
                | CapabilityOperationId()
            ):
                return await step("tools", name, self._positions.next_of(name), body)
            case _:
                assert_never(operation_id)

    async def _model_request(self, body: Body) -> object:
        turn = self._positions.next_turn()
        position = f"{self._positions.conversation}/model/{turn}"
        payload = await step(
            "model", f"model · turn {turn}", position, lambda: self._recorder.model_request(position, body)
        )
        self._positions.take_calls(JSON_CODEC.load(ModelResponse, payload))
        return payload

    async def _tool_call(self, body: Body, cache_key: tuple[object, ...]) -> object:
        tool = str(cache_key[0])
        context = next(part for part in cache_key if isinstance(part, RunContext))
        call_id = context.tool_call_id or ""
        position = f"{self._positions.conversation}/tool/{call_id}"
        return await step(
            "tools", f"tools · {tool}", position, lambda: self._recorder.tool_call(position, call_id, tool, body)
        )


@dataclass(init=False, kw_only=True)
class StepDurability(BaseDurabilityCapability[RunFacts]):
    """The capability that an agent of a run carries. Inert outside a flow."""

    engine_spec = DurabilityEngineSpec(
        engine_name="Midwatch",
        durable_unit_noun="step",
        durable_container_noun="run",
        codec=JSON_CODEC,
        wrapped_toolset_kinds=frozenset({"function", "mcp"}),
        toolset_lifecycles={"function": "enter-always", "mcp": "enter-always", "dynamic": "enter-never"},
        journal_discovery=False,
    )

    def __init__(self, *, positions: Positions, recorder: Recorder) -> None:
        super().__init__()
        self._positions, self._recorder = positions, recorder

    @property
    def in_durable_context(self) -> bool:
        return FlowRunContext.get() is not None

    def get_default_run_id(self) -> str | None:
        return self._positions.next_of("run") if self.in_durable_context else None

    def get_durable_operation_backend(self) -> DurableOperationBackend[Any]:
        return StepBackend(self.name, self._positions, self._recorder)
