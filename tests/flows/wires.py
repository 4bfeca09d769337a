"""Two wire formats, from the server's side: OpenAI's chat completions and Anthropic's messages.

A wire reads a request into `Heard`, and writes a turn or a refusal as that provider would.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol


@dataclass(frozen=True)
class Calls:
    """One turn of the model: tool calls, each (tool, arguments); a text as arguments is sent as it is (OpenAI's wire)."""

    calls: Sequence[tuple[str, Mapping[str, Any] | str]]


def call(tool: str, **arguments: Any) -> Calls:
    return Calls([(tool, arguments)])


Turn = Calls | str


@dataclass(frozen=True, kw_only=True)
class Heard:
    """What a request says, whatever its wire."""

    model: str
    spoken: int
    """How often the assistant has spoken."""
    prompt: str
    """The person's first words."""
    length: int
    """Characters of the whole conversation."""


class Wire(Protocol):
    def heard(self, request: Mapping[str, Any]) -> Heard: ...

    def answer(self, model: str, turn: Turn, number: int) -> dict[str, Any]:
        """`number` makes the ids of the tool calls: of one conversation, each has another."""
        ...

    def refusal(self, status: int, code: str) -> dict[str, Any]: ...


class OpenAi:
    """POST /v1/chat/completions."""

    def heard(self, request: Mapping[str, Any]) -> Heard:
        messages = request["messages"]
        return Heard(
            model=request["model"],
            spoken=sum(message["role"] == "assistant" for message in messages),
            prompt=next((_text(message["content"]) for message in messages if message["role"] == "user"), ""),
            length=len(json.dumps(messages)),
        )

    def answer(self, model: str, turn: Turn, number: int) -> dict[str, Any]:
        message: dict[str, Any] = {"role": "assistant", "content": turn if isinstance(turn, str) else None}
        if isinstance(turn, Calls):
            message["tool_calls"] = [
                {"id": f"call-{number}-{index}", "type": "function", "function": {"name": tool, "arguments": raw(args)}}
                for index, (tool, args) in enumerate(turn.calls)
            ]
        finish = "tool_calls" if isinstance(turn, Calls) else "stop"
        return {
            "id": f"completion-{number}",
            "object": "chat.completion",
            "created": 1_700_000_000,
            "model": model,
            "choices": [{"index": 0, "message": message, "finish_reason": finish}],
            "usage": {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110},
        }

    def refusal(self, status: int, code: str) -> dict[str, Any]:
        return {"error": {"message": f"scripted {status}", "type": "scripted", "param": None, "code": code or None}}


class Anthropic:
    """POST /v1/messages."""

    def heard(self, request: Mapping[str, Any]) -> Heard:
        messages = request["messages"]
        return Heard(
            model=request["model"],
            spoken=sum(message["role"] == "assistant" for message in messages),
            prompt=next((_text(message["content"]) for message in messages if message["role"] == "user"), ""),
            length=len(json.dumps(messages)),
        )

    def answer(self, model: str, turn: Turn, number: int) -> dict[str, Any]:
        said: list[dict[str, Any]] = [{"type": "text", "text": turn}] if isinstance(turn, str) and turn else []
        if isinstance(turn, Calls):
            said = [
                {"type": "tool_use", "id": f"toolu-{number}-{index}", "name": tool, "input": args}
                for index, (tool, args) in enumerate(turn.calls)
            ]
        return {
            "id": f"message-{number}",
            "type": "message",
            "role": "assistant",
            "model": model,
            "content": said,
            "stop_reason": "tool_use" if isinstance(turn, Calls) else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 100, "output_tokens": 10},
        }

    def refusal(self, status: int, code: str) -> dict[str, Any]:
        kind = code or _ANTHROPIC_ERRORS.get(status, "api_error")
        return {"type": "error", "error": {"type": kind, "message": f"scripted {status}"}, "request_id": "request-1"}


_ANTHROPIC_ERRORS: Final = {
    400: "invalid_request_error",
    401: "authentication_error",
    429: "rate_limit_error",
    529: "overloaded_error",
}

WIRES: Final[Mapping[str, Wire]] = {"/v1/chat/completions": OpenAi(), "/v1/messages": Anthropic()}


def raw(arguments: Mapping[str, Any] | str) -> str:
    return arguments if isinstance(arguments, str) else json.dumps(arguments)


def _text(content: str | Sequence[Mapping[str, Any]]) -> str:
    """A message's text, given plainly or in blocks."""
    return content if isinstance(content, str) else "".join(str(block.get("text", "")) for block in content)
