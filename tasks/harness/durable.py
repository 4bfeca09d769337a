"""Harness: how does the agent loop survive a crash? pydantic-ai's durable surface on top of the run's log.

Every model request and every tool call of a conversation is one operation. The position of a model request is its number
in the conversation, that of a tool call is the model's tool call id, so nothing is hashed and nothing grows with the
history. A later life goes on with the last recorded turn (`history.py`), which it finds here, operation by operation.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, assert_never

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
from pydantic_ai.messages import ModelMessage
from pydantic_ai.models import ModelRequestParameters

from midwatch.ledger import StoredStep
from midwatch.run import RunFacts
from tasks.harness.history import (
    Recorded,
    Turn,
    instructions_of,
    new_turn,
    request_digest,
    turn_position,
    with_ids_of_their_own,
)
from tasks.step.log import ReplayMismatch, RunLog

Body = Callable[[], Awaitable[object]]


class Recorder(Protocol):
    """What happens around an operation that really runs; a replay never gets here."""

    async def model_request(self, position: str, digest: str, body: Callable[[], Awaitable[Turn]]) -> Turn:
        """Run the request, store its turn and put what it cost into the ledger."""
        ...

    async def tool_call(self, position: str, tool_call_id: str, tool: str, body: Body) -> object:
        """Run the call and store its result; an effect is reserved before and consumed after."""
        ...

    def was_called(self, tool_call_id: str) -> str:
        """The call that the gate let through under this id, as the log keeps it."""
        ...


@dataclass
class Positions:
    """Where one conversation stands."""

    conversation: str
    turns: int = 0
    """Model requests that were answered."""
    call_ids: set[str] = field(default_factory=set)
    instructions: str = ""
    """Those of the last request."""
    whole: bool = True
    """Nothing of the history as it now is was stored yet."""
    replays_until: int = 0
    """The last turn that earlier lives of the run recorded."""
    others: dict[str, int] = field(default_factory=dict)
    """How many operations of a kind there were in this turn."""

    @classmethod
    def after(cls, conversation: str, recorded: Recorded) -> Positions:
        """Before the last turn that is recorded, which comes again."""
        if not recorded.turns:
            return cls(conversation)
        return cls(
            conversation,
            turns=recorded.turns - 1,
            call_ids=recorded.call_ids,
            instructions=recorded.instructions,
            whole=False,
            replays_until=recorded.turns,
        )

    @property
    def is_replaying(self) -> bool:
        """The next turn is one that earlier lives of the run recorded."""
        return self.turns < self.replays_until

    def answered(self, response: dict[str, Any], instructions: str) -> dict[str, Any]:
        """Count one model request; its tool calls then have ids of their own."""
        self.turns += 1
        self.whole, self.instructions = False, instructions
        self.others.clear()
        return with_ids_of_their_own(response, self.call_ids, self.turns)

    def next_of(self, kind: str) -> str:
        """The position of an operation that is neither a model request nor a tool call."""
        self.others[kind] = self.others.get(kind, 0) + 1
        return f"{self.conversation}/{kind}/{self.turns}.{self.others[kind]}"


class StepBackend(CallableOperationBackend[None]):
    """Runs each operation of the agent loop once in the whole run."""

    def __init__(self, agent_name: str, positions: Positions, recorder: Recorder, log: RunLog) -> None:
        super().__init__(
            namer=JournalOperationNamer(agent_name, default_model_id="default"),
            config=RoleBasedOperationConfig(model=None, event=None, capability=None, tool=None),
        )
        self._positions, self._recorder, self._log = positions, recorder, log

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
                return await self._model_request(body, *_of_request(cache_key))
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
                return await self._log.step("tools", name, self._positions.next_of(name), body)
            case _:
                assert_never(operation_id)

    async def _model_request(
        self, body: Body, messages: Sequence[ModelMessage], parameters: ModelRequestParameters
    ) -> object:
        positions, number = self._positions, self._positions.turns + 1
        position, digest = turn_position(positions.conversation, number), request_digest(messages, parameters)
        if (stored := self._log.done(position)) is not None:
            _check(stored, digest)
            return positions.answered(json.loads(stored.result_json)["response"], instructions_of(messages))
        if positions.is_replaying:
            raise ReplayMismatch(f"turn {number} of this run is missing in the ledger, and later ones are there")

        async def asked() -> Turn:
            whole, before, now = positions.whole, positions.instructions, instructions_of(messages)
            response: Any = await body()
            return new_turn(messages, positions.answered(response, now), whole=whole, instructions_before=before)

        with self._log.show("model", f"model · turn {number}", position):
            return (await self._recorder.model_request(position, digest, asked)).response

    async def _tool_call(self, body: Body, cache_key: tuple[object, ...]) -> object:
        tool = str(cache_key[0])
        context = next(part for part in cache_key if isinstance(part, RunContext))
        call_id = context.tool_call_id or ""
        position = f"{self._positions.conversation}/tool/{call_id}"
        if (stored := self._log.done(position)) is not None:
            if (stored.name, stored.detail) != (tool, self._recorder.was_called(call_id)):
                raise ReplayMismatch(
                    f"this run called {stored.name} {stored.detail} here, and would now call {tool} "
                    f"{self._recorder.was_called(call_id)}; its code or its rules changed: start a new run"
                )
            return json.loads(stored.result_json)
        with self._log.show("tools", f"tools · {tool}", position):
            return await self._recorder.tool_call(position, call_id, tool, body)


def _of_request(cache_key: tuple[object, ...]) -> tuple[Sequence[ModelMessage], ModelRequestParameters]:
    """The messages and the parameters of a model request: pydantic-ai's projection of `ModelRequestParams`."""
    messages = next(part for part in cache_key if isinstance(part, list))
    parameters = next(part for part in cache_key if isinstance(part, ModelRequestParameters))
    return messages, parameters


def _check(stored: StoredStep, digest: str) -> None:
    if stored.request_digest != digest:
        raise ReplayMismatch(
            "the agent's instructions or its tools (names, descriptions, arguments, code) changed while this run was "
            "under way, so it would not go on as it began; start a new run"
        )


@dataclass(init=False, kw_only=True)
class StepDurability(BaseDurabilityCapability[RunFacts]):
    """The capability that an agent of a run carries."""

    engine_spec = DurabilityEngineSpec(
        engine_name="Midwatch",
        durable_unit_noun="step",
        durable_container_noun="run",
        codec=JSON_CODEC,
        wrapped_toolset_kinds=frozenset({"function", "mcp"}),
        toolset_lifecycles={"function": "enter-always", "mcp": "enter-always", "dynamic": "enter-never"},
        journal_discovery=False,
    )

    def __init__(self, *, positions: Positions, recorder: Recorder, log: RunLog) -> None:
        super().__init__()
        self._positions, self._recorder, self._log = positions, recorder, log

    @property
    def in_durable_context(self) -> bool:
        return True

    def get_durable_operation_backend(self) -> DurableOperationBackend[Any]:
        return StepBackend(self.name, self._positions, self._recorder, self._log)
