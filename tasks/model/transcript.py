"""Model: how does the local model see what happened so far? A pydantic-ai history as plain chat turns.

Calls are the model's own earlier replies, results come back as user turns: no native tool messages anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final, Literal, TypedDict

from pydantic_ai.messages import (
    InstructionPart,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    SystemPromptPart,
    TextContent,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from tasks.model.menu import ANSWER, Menu, as_reply, call_digest

EXAMPLE_ID: Final = "example-"
"""Calls whose id begins so (the harness names them) are worked examples: not counted as made."""


class Turn(TypedDict):
    """One message of the chat/completions wire format."""

    role: Literal["system", "user", "assistant"]
    content: str


def turns_of(messages: Sequence[ModelMessage], instructions: Sequence[InstructionPart], menu: Menu) -> list[Turn]:
    """The chat: one system turn (instructions, then the menu), then user and assistant in alternation."""
    wrapped = menu.bare() is None
    system = [part.content for part in instructions]
    turns: list[Turn] = []
    for message in messages:
        for turn in _turns(message, wrapped):
            if turn["role"] == "system":
                system.append(turn["content"])
            else:
                turns.append(turn)
    text = "\n\n".join(part for part in (*system, menu.prompt()) if part)
    return [{"role": "system", "content": text}, *_merged(turns)]


def calls_made(messages: Sequence[ModelMessage]) -> list[str]:
    """Every call of the conversation so far, as a digest of tool and arguments; examples left out."""
    return [
        call_digest(part.tool_name, part.args_as_dict())
        for message in messages
        if isinstance(message, ModelResponse)
        for part in message.parts
        if isinstance(part, ToolCallPart) and not part.tool_call_id.startswith(EXAMPLE_ID)
    ]


def _turns(message: ModelMessage, wrapped: bool) -> Iterator[Turn]:
    if isinstance(message, ModelRequest):
        yield from _request_turns(message)
    else:
        yield from _response_turns(message, wrapped)


def _request_turns(message: ModelRequest) -> Iterator[Turn]:
    for part in message.parts:
        match part:
            case SystemPromptPart():
                yield {"role": "system", "content": part.content}
            case UserPromptPart():
                yield {"role": "user", "content": _user_text(part)}
            case ToolReturnPart() if part.content or not part.tool_call_id.startswith(EXAMPLE_ID):
                yield {"role": "user", "content": f"Result of {part.tool_name}:\n{part.model_response_str()}"}
            case _:
                pass


def _response_turns(message: ModelResponse, wrapped: bool) -> Iterator[Turn]:
    for part in message.parts:
        match part:
            case TextPart() if part.content:
                text = as_reply(ANSWER, {"text": part.content}) if wrapped else part.content
                yield {"role": "assistant", "content": text}
            case ToolCallPart():
                reply = as_reply(part.tool_name, part.args_as_dict()) if wrapped else part.args_as_json_str()
                yield {"role": "assistant", "content": reply}
            case _:
                pass


def _user_text(part: UserPromptPart) -> str:
    """Text of a prompt; the local model sees no images or sound."""
    if isinstance(part.content, str):
        return part.content
    texts = (item.content if isinstance(item, TextContent) else item for item in part.content)
    return "\n".join(text for text in texts if isinstance(text, str))


def _merged(turns: list[Turn]) -> Iterator[Turn]:
    """Neighbours of one role joined: the chat template wants alternation."""
    for role, group in groupby(turns, key=lambda turn: turn["role"]):
        yield {"role": role, "content": "\n\n".join(turn["content"] for turn in group)}
