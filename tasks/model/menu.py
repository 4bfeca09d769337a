"""Model: what may the local model do in this turn? One JSON object, the union of one branch per option.

A branch is told apart by its constant `action`, which comes first, so that the model chooses before it fills in. Where
there is nothing to choose (no tool, one typed output) the output's own schema stands alone, without a wrapper.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Final, Literal

from pydantic_ai.exceptions import UserError
from pydantic_ai.messages import TextPart, ToolCallPart
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition

from tasks.model.schema import MAX_STRING, JsonSchema, bounded, signature

Kind = Literal["tool", "output", "json", "text"]
"""tool: a function tool; output: an output tool; json: structured text (native output); text: free text."""

ANSWER: Final = "answer"
"""The action that ends a conversation with free text."""
_ANSWER_ARGS: Final[JsonSchema] = {
    "type": "object",
    "properties": {"text": {"type": "string", "maxLength": MAX_STRING}},
    "required": ["text"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One thing that the model may do."""

    name: str
    kind: Kind
    args: JsonSchema
    about: str

    def line(self) -> str:
        """How the system prompt lists it."""
        return f"- {self.name}({signature(self.args)}): {self.about}"

    def branch(self) -> JsonSchema:
        return {
            "type": "object",
            "properties": {"action": {"const": self.name}, "args": self.args},
            "required": ["action", "args"],
            "additionalProperties": False,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Menu:
    """All options of a conversation, and those that are open in this turn."""

    options: tuple[Option, ...]
    open: tuple[Option, ...]

    def bare(self) -> Option | None:
        """The only option, where no wrapper is needed to tell it from others."""
        return self.options[0] if len(self.options) == 1 and self.options[0].kind != "tool" else None

    def schema(self) -> JsonSchema | None:
        """What the sampler enforces; None is free text."""
        if only := self.bare():
            return None if only.kind == "text" else only.args
        return {"anyOf": [option.branch() for option in self.open]}

    def prompt(self) -> str:
        """The part of the system prompt that explains the menu; the same in every turn, so that it stays cached."""
        if self.bare():
            return ""
        lines = "\n".join(option.line() for option in self.options)
        return (
            f'Reply with one JSON object {{"action": NAME, "args": {{...}}}}: the next single step.\nActions:\n{lines}'
        )

    def finishing_only(self) -> Menu:
        """Only what ends the conversation stays open (everything, where nothing would end it)."""
        finishing = tuple(option for option in self.options if option.kind != "tool")
        return replace(self, open=finishing or self.options)

    def read(self, content: str, *, turn: int) -> TextPart | ToolCallPart:
        """The reply as pydantic-ai's part. Raises ValueError where it is not one of the open options."""
        if only := self.bare():
            return _part(only, content if only.kind == "text" else json.loads(content), turn)
        reply = json.loads(content)
        chosen = next((option for option in self.open if option.name == reply["action"]), None)
        if chosen is None:
            raise ValueError(f"{reply['action']!r} is not on the menu")
        return _part(chosen, reply["args"], turn)


def _part(option: Option, args: Any, turn: int) -> TextPart | ToolCallPart:
    match option.kind:
        case "tool" | "output":
            call_id = f"call_{turn}_{call_digest(option.name, args)}"
            return ToolCallPart(tool_name=option.name, args=args, tool_call_id=call_id)
        case "json":
            return TextPart(content=json.dumps(args, ensure_ascii=False))
        case "text":
            return TextPart(content=args if isinstance(args, str) else args["text"])


def menu_of(parameters: ModelRequestParameters) -> Menu:
    """The menu for a prepared request: its function tools, then its ways to finish."""
    tools = [_tool_option(tool, "tool") for tool in parameters.declared_function_tools]
    if any(tool.name == ANSWER for tool in tools):
        raise UserError(f"a tool for the local model cannot be called {ANSWER!r}: that is how it finishes; rename it")
    options = (*tools, *_finishing(parameters))
    return Menu(options=options, open=options)


def _finishing(parameters: ModelRequestParameters) -> list[Option]:
    options = [_tool_option(tool, "output") for tool in parameters.output_tools]
    if parameters.output_object is not None:
        about = parameters.output_object.description or "the final answer, when everything is done"
        schema = bounded(parameters.output_object.json_schema)
        options.append(Option(name=ANSWER, kind="json", args=schema, about=about))
    elif parameters.allow_text_output:
        about = "the final answer, when everything is done"
        options.append(Option(name=ANSWER, kind="text", args=_ANSWER_ARGS, about=about))
    return options


def _tool_option(tool: ToolDefinition, kind: Literal["tool", "output"]) -> Option:
    about = (tool.description or tool.name.replace("_", " ")).strip()
    return Option(name=tool.name, kind=kind, args=bounded(tool.parameters_json_schema), about=about)


def as_reply(name: str, args: Mapping[str, Any]) -> str:
    """An earlier action as the model itself would have written it."""
    return json.dumps({"action": name, "args": dict(args)}, ensure_ascii=False)


def call_digest(name: str, args: Mapping[str, Any]) -> str:
    """The same tool with the same arguments gives the same digest."""
    return sha256(json.dumps([name, args], sort_keys=True).encode()).hexdigest()[:12]
