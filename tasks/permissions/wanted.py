"""Permissions: what exactly does the model ask for? Its own text must be one call, so that no two parsers differ on it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_ai import RunContext
from pydantic_ai.exceptions import ModelRetry
from pydantic_ai.messages import ModelResponse, ToolCallPart
from pydantic_core import to_jsonable_python

from midwatch.calls import Call, parse_call
from midwatch.errors import CallError
from midwatch.run import RunFacts


def canonical(name: str, arguments: Mapping[str, Any], raw: str | None) -> Call:
    """The one object that is judged, shown, hashed, stored and executed.

    `raw` is the text that the model wrote: it must be one well-formed object, or the model is told what is wrong with it.
    """
    try:
        if raw is not None:
            parse_call(name, raw)
        return parse_call(name, to_jsonable_python(dict(arguments)))
    except CallError as error:
        raise ModelRetry(f"{error} Send the call again with well-formed arguments.") from error


def raw_arguments(ctx: RunContext[RunFacts]) -> str | None:
    """The argument text of the current call as the model wrote it; None where the provider gave no text."""
    for message in reversed(ctx.messages):
        if isinstance(message, ModelResponse):
            for part in message.parts:
                if isinstance(part, ToolCallPart) and part.tool_call_id == ctx.tool_call_id:
                    return part.args if isinstance(part.args, str) and part.args else None
    return None
