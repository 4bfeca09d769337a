"""Harness: how full is the model's context? Measured by the provider's own count of the last request.

What is counted here is the characters that go to the model; how many of them make a token is measured, never assumed,
once a response has said how many tokens its request had.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_ai.messages import (
    BaseToolCallPart,
    BaseToolReturnPart,
    ModelMessage,
    ModelRequestPart,
    ModelResponse,
    ModelResponsePart,
    TextContent,
    UserPromptPart,
)

USUAL_RATIO: Final = 3.0
"""Characters a token before anything was measured; prose has about 4, JSON and code about 3."""
FILE_CHARACTERS: Final = 5_000
"""An image or another file stands for so many: about the tokens that providers charge for one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What the next request will weigh."""

    tokens: int
    """Input tokens: what the last request and its response had, and what came since at the measured ratio."""
    ratio: float
    """Characters a token."""


def load(messages: Sequence[ModelMessage], *, fixed_chars: int) -> Load:
    """The weight of `messages` as a request that is about to be made.

    Args:
        messages: the history, its last request included.
        fixed_chars: of what goes with every request beside the history: instructions and tool definitions.
    """
    for index in range(len(messages) - 1, -1, -1):
        message = messages[index]
        if isinstance(message, ModelResponse) and message.usage.input_tokens:
            ratio = (fixed_chars + characters(messages[:index])) / message.usage.input_tokens or USUAL_RATIO
            added = round(characters(messages[index + 1 :]) / ratio)
            return Load(tokens=message.usage.total_tokens + added, ratio=ratio)
    return Load(tokens=round((fixed_chars + characters(messages)) / USUAL_RATIO), ratio=USUAL_RATIO)


def needs_compacting(load: Load, window: int | None, *, above: float = 0.75) -> bool:
    """Whether so much of the model's context is taken that its answer may not fit.

    Args:
        window: tokens, input and output (`Model.context_window`); None: unknown, only a refused request can tell.
        above: share of the window that the request may take.
    """
    return window is not None and load.tokens > above * window


def budget_chars(load: Load, window: int, *, fixed_chars: int, share: float = 0.5) -> int:
    """How many characters of history make a request that takes `share` of the window."""
    return int(share * window * load.ratio) - fixed_chars


def characters(messages: Sequence[ModelMessage]) -> int:
    """Of all that goes to the model: words, arguments, results, reasoning; without the wire format around them."""
    return sum(_characters(part) for message in messages for part in message.parts)


def _characters(part: ModelRequestPart | ModelResponsePart) -> int:
    match part:
        case UserPromptPart():
            items = [part.content] if isinstance(part.content, str) else part.content
            return sum(_of_item(item) for item in items)
        case BaseToolCallPart():
            return len(part.tool_name) + len(part.args_as_json_str())
        case BaseToolReturnPart():
            return len(part.tool_name) + len(part.model_response_str()) + FILE_CHARACTERS * len(part.files)
        case _:
            return len(str(getattr(part, "content", None) or ""))


def _of_item(item: object) -> int:
    match item:
        case str():
            return len(item)
        case TextContent():
            return len(item.content)
        case _:
            return FILE_CHARACTERS
