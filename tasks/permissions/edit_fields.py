"""Permissions: how does a person change a call in a form? One field for each argument, of the type that its tool takes.

What is sent back unchanged stands as it was asked for, digit by digit: a browser knows one kind of number alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never

from pydantic import Field

from midwatch.calls import canonical_json, parse_call, visible
from midwatch.errors import CallError

Kind = Literal["text", "whole", "number", "switch", "choice", "json"]
"""json: a code editor, for lists, objects, null, and text of which something would not be seen."""

EXACT: Final = 2**53
"""Whole numbers beyond it are others after a browser has read them."""


class FieldFault(ValueError):
    """What was filled in cannot be taken.

    Attributes:
        field: the name of the field in the form; "" for the form as a whole.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


@dataclass(frozen=True, slots=True, kw_only=True)
class EditField:
    """One argument in a form."""

    name: str
    """Of the field: `edit_2_1` for the first argument of the second question."""
    argument: str
    asked: str
    """What was asked for: JSON, exactly."""
    kind: Kind
    choices: tuple[str, ...] = ()

    @property
    def shown(self) -> Any:
        """What the field holds at first."""
        value = json.loads(self.asked)
        return pretty(value) if self.kind == "json" else value

    def in_form(self, number: int) -> tuple[Any, Any]:
        """As pydantic's `create_model` takes it."""
        extra: dict[str, Any] = {"format": "json-string"} if self.kind == "json" else {}
        title = f"{number} · {visible(self.argument)}, for edit only"
        return self._annotation, Field(self.shown, title=title, json_schema_extra=extra)

    @property
    def _annotation(self) -> Any:
        match self.kind:
            case "text" | "json":
                return str
            case "whole":
                return int
            case "number":
                return float
            case "switch":
                return bool
            case "choice":
                return Literal[self.choices]
            case _:
                assert_never(self.kind)

    def said(self, values: Mapping[str, Any]) -> str:
        """What a filled-in form says of it, as JSON.

        Raises:
            CallError: nothing, or no JSON.
        """
        value = values.get(self.name)
        if value is None:
            raise CallError(f"`{visible(self.argument)}` was left empty; `midwatch edit` takes an empty text as well")
        if value == self.shown and isinstance(value, bool) is isinstance(self.shown, bool):
            return self.asked
        if self.kind != "json":
            return json.dumps(value)
        try:
            json.loads(value)
        except ValueError as error:
            raise CallError(f"`{visible(self.argument)}` is not JSON ({error})") from error
        return str(value)


def edit_fields(number: int, args_json: str, parameters: Mapping[str, Any]) -> list[EditField]:
    """One for each argument of question `number`, in their order.

    Args:
        parameters: JSON Schema of the tool's arguments; what it says nothing of is edited as JSON.
    """
    schemas = parameters.get("properties", {})
    return [
        _field(f"edit_{number}_{place}", argument, value, schemas.get(argument))
        for place, (argument, value) in enumerate(parse_call("any", args_json).args.items(), start=1)
    ]


def changed(fields: Sequence[EditField], values: Mapping[str, Any]) -> str:
    """The arguments as a filled-in form has them: one JSON object.

    Raises:
        CallError: one of them is empty, or no JSON; says which.
    """
    return "{" + ", ".join(f"{json.dumps(field.argument)}: {field.said(values)}" for field in fields) + "}"


def filled(fields: Sequence[EditField], args_json: str) -> dict[str, Any]:
    """The fields of a form that say these arguments."""
    args = parse_call("any", args_json).args
    texts = {field.name: canonical_json(args[field.argument]) for field in fields}
    return {
        field.name: texts[field.name] if field.kind == "json" else json.loads(texts[field.name]) for field in fields
    }


def is_plain(text: str) -> bool:
    """It can be typed as it is: nothing in it is invisible, and nothing at its ends gets lost."""
    return text == text.strip() and visible(text) == text


def pretty(value: object) -> str:
    """As JSON to be edited, in which what a person would not see stands escaped."""
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return text.translate({ord(sign): json.dumps(sign)[1:-1] for sign in set(text) if visible(sign) != sign})


def type_of(value: object) -> str:
    """Of which type a JSON value is, in words."""
    match value:
        case None:
            return "null"
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list():
            return "a list"
        case _:
            return "an object"


def _field(name: str, argument: str, value: Any, schema: Any) -> EditField:
    asked = canonical_json(value)
    kind, choices = _kind(json.loads(asked), schema if isinstance(schema, Mapping) else {})
    return EditField(name=name, argument=argument, asked=asked, kind=kind, choices=choices)


def _kind(value: Any, schema: Mapping[str, Any]) -> tuple[Kind, tuple[str, ...]]:
    schema = _that_is_not_null(schema)
    if choices := schema.get("enum"):
        return ("choice", tuple(choices)) if value in choices and are_choices(choices) else ("json", ())
    match schema.get("type"), value:
        case ("boolean", bool()):
            return "switch", ()
        case ("integer", int()) if not isinstance(value, bool) and abs(value) < EXACT:
            return "whole", ()
        case ("number", int() | float()) if not isinstance(value, bool) and (
            isinstance(value, float) or abs(value) < EXACT
        ):
            return "number", ()
        case ("string", str()) if value and is_plain(value):
            return "text", ()
        case _:
            return "json", ()


def are_choices(choices: object) -> bool:
    """Several different texts that can be told apart in a list."""
    if not isinstance(choices, list) or not all(isinstance(one, str) and one and is_plain(one) for one in choices):
        return False
    return len(choices) > 1 and len(set(choices)) == len(choices) and not any("\n" in one for one in choices)


def _that_is_not_null(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The one thing that an argument which may also be null can be."""
    several = schema.get("anyOf") or schema.get("oneOf")
    if not isinstance(several, list):
        return schema
    rest = [one for one in several if isinstance(one, Mapping) and one.get("type") != "null"]
    return rest[0] if len(rest) == 1 and len(several) == 2 else {}
