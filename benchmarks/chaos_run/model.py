"""Chaos: a model that follows the scenario. It knows nothing but the history that it is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ModelResponsePart,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from benchmarks.chaos_run.boundary import Fuse
from benchmarks.chaos_run.scenario import Planned, Scenario, Turn
from midwatch.calls import canonical_json

PROMPT: Final = "Work on "
FAILED: Final = "The tool failed"
"""So begins what the model hears of a tool that threw."""


def scripted_model(scenario: Scenario, fuse: Fuse) -> Model:
    """Makes the first turn of which not everything is answered yet; what failed is tried again under another id."""

    async def answer(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        fuse.reached("model: asked")
        said = {(call.tool, canonical_json(call.args)): text for call, text in answers(messages)}
        turn = number_of(messages)
        calls = next(filter(None, (_open(calls, said) for calls in scenario.calls(item_of(messages)))), ())
        parts: list[ModelResponsePart] = [
            ToolCallPart(call.tool, dict(call.args), tool_call_id=f"c{turn}.{at}" if scenario.own_ids else f"call_{at}")
            for at, call in enumerate(calls)
        ]
        fuse.reached("model: answered")
        return ModelResponse(parts=parts or [TextPart("done")], usage=RequestUsage(input_tokens=10, output_tokens=1))

    return FunctionModel(answer, model_name="scripted")


def _open(turn: Turn, said: dict[tuple[str, str], str]) -> tuple[Planned, ...]:
    """What of `turn` has no answer, or one that says that the tool failed."""
    return tuple(call for call in turn if said.get((call.tool, canonical_json(call.args)), FAILED).startswith(FAILED))


def item_of(messages: Sequence[ModelMessage]) -> str:
    """What the conversation is about, from its first message."""
    first = messages[0].parts[0]
    assert isinstance(first, UserPromptPart)
    return str(first.content).removeprefix(PROMPT)


def number_of(messages: Sequence[ModelMessage]) -> int:
    """How often the model has spoken."""
    return sum(isinstance(message, ModelResponse) for message in messages)


def answers(messages: Sequence[ModelMessage]) -> Iterator[tuple[Planned, str]]:
    """Every call that was answered, in order, with what was said."""
    calls = {
        part.tool_call_id: Planned(tool=part.tool_name, args=part.args_as_dict())
        for message in messages
        if isinstance(message, ModelResponse)
        for part in message.parts
        if isinstance(part, ToolCallPart)
    }
    for message in messages:
        for part in message.parts if isinstance(message, ModelRequest) else []:
            if isinstance(part, ToolReturnPart):
                yield calls[part.tool_call_id], part.model_response_str(wrap_if_error=False)
