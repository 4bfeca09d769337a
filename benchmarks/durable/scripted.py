"""Durable steps: the scripted model as pydantic-ai has it; the same for all systems that run on pydantic-ai."""

from __future__ import annotations

from typing import Final

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import UsageLimits

from benchmarks.durable.work import Work, call_id

NO_LIMITS: Final = UsageLimits(request_limit=None)


def scripted_model(work: Work, tool: str = "note_number") -> FunctionModel:
    """A model that calls `tool` once for each number."""

    async def answer(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        number = await work.asked(_said_last(messages[-1]))
        if number is None:
            return ModelResponse(parts=[TextPart(work.last_words())])
        return ModelResponse(parts=[ToolCallPart(tool, {"n": number}, tool_call_id=call_id(number))])

    return FunctionModel(answer, model_name="scripted")


def _said_last(message: ModelMessage) -> str:
    if not isinstance(message, ModelRequest):
        return ""
    results = [part for part in message.parts if isinstance(part, ToolReturnPart)]
    return results[-1].model_response_str() if results else ""
