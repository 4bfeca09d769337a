"""The page: with which fields is a call edited, and what do they say when they are sent? Typed by the tool's own schema.

Text that can be seen whole is typed as it is; everything else is JSON, with what a person would not see escaped.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never

from midwatch.ask_context import AskContext
from midwatch.ledger import AskRow
from midwatch.request import readable
from tasks.permissions.edit_fields import FieldFault, is_plain, pretty, type_of

Widget = Literal["text", "lines", "number", "checkbox", "select", "json"]
LINE: Final = 60
"""Characters of text that one line takes; longer text gets several."""
MOST: Final = 100
"""Options that a choice has; of more, the value is typed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One argument, to be edited."""

    name: str
    """In the form."""
    argument: str
    label: str
    widget: Widget
    value: str
    """As it stands in the form; of a checkbox `true` or `false`, of a choice its place."""
    kind: str
    """Of which type it is, in words."""
    options: tuple[str, ...] = ()
    """As they are shown."""
    choices: tuple[str, ...] = ()
    """As JSON, in the order of `options`."""
    hint: str = ""
    """What the tool says of it."""


def fields_of(row: AskRow) -> tuple[Field, ...]:
    """One for each argument that the call has: an edit neither adds nor removes one."""
    schema = AskContext.model_validate_json(row.context_json).parameters
    known = schema.get("properties")
    arguments: dict[str, Any] = json.loads(row.args_json)
    return tuple(
        _field(f"a{place}", name, argument, _schema_of(known, name))
        for place, (name, argument) in enumerate(arguments.items())
    )


def _schema_of(known: object, name: str) -> Mapping[str, Any]:
    found = known.get(name) if isinstance(known, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _field(name: str, argument: str, value: Any, schema: Mapping[str, Any]) -> Field:
    widget: Widget
    options = schema.get("enum")
    choices = tuple(map(pretty, options)) if isinstance(options, list) and len(options) <= MOST else ()
    if choices and (now := pretty(value)) in choices:  # as JSON 1, 1.0 and true are three
        shown = tuple(map(readable, options or ()))
        widget, text, kind = "select", str(choices.index(now)), "one of these"
    else:
        shown = choices = ()
        widget, text, kind = _typed_in(value)
    return Field(
        name=name,
        argument=argument,
        label=readable(argument),
        widget=widget,
        value=text,
        kind=kind,
        options=shown,
        choices=choices,
        hint=_hint(schema),
    )


def _typed_in(value: Any) -> tuple[Widget, str, str]:
    """With which widget, as what text, and as what in words."""
    if isinstance(value, bool):
        return "checkbox", json.dumps(value), "true or false"
    if isinstance(value, int | float):
        return "number", pretty(value), "a number"
    if isinstance(value, str) and is_plain(value):
        return "lines" if "\n" in value or len(value) > LINE else "text", value, "text"
    return "json", pretty(value), f"{type_of(value)}, as JSON"


def _hint(schema: Mapping[str, Any]) -> str:
    bounds = [
        f"{word} {schema[key]}" for key, word in (("minimum", "at least"), ("maximum", "at most")) if key in schema
    ]
    return " · ".join(text for text in (str(schema.get("description") or ""), *bounds) if text)


def edited(row: AskRow, form: Mapping[str, str]) -> str:
    """The whole arguments as one JSON object, each of the type that it had or that its tool declares.

    Raises:
        FieldFault: a field is missing, or holds what it cannot.
    """
    arguments = json.loads(row.args_json)
    texts = [(field.argument, _sent(field, form, arguments[field.argument], row)) for field in fields_of(row)]
    return f"{{{', '.join(f'{json.dumps(name)}: {text}' for name, text in texts)}}}"


def _sent(field: Field, form: Mapping[str, str], before: Any, row: AskRow) -> str:
    """The argument as JSON."""
    if field.name not in form:
        raise FieldFault(field.name, "This field did not arrive.")
    text = form[field.name]
    match field.widget:
        case "text" | "lines":
            return json.dumps(text)
        case "checkbox":
            return text if text in ("true", "false") else _wrong(field, "Tick it or not.")
        case "select":
            known = text.isdecimal() and int(text) < len(field.choices)
            return field.choices[int(text)] if known else _wrong(field, "Choose one.")
        case "number" | "json":
            return _typed(field, text, before, declared=_declared(row, field.argument))
        case _:
            assert_never(field.widget)


def _typed(field: Field, text: str, before: Any, *, declared: bool) -> str:
    try:
        after = json.loads(text)
    except (ValueError, RecursionError) as error:
        what = "a number" if field.widget == "number" else "JSON"
        raise FieldFault(field.name, f"This is not {what}: {error}.") from error
    same = before is None or type_of(after) == type_of(before)
    if not same and (field.widget == "number" or not declared):
        return _wrong(field, f"This is {type_of(after)}; it has to be {type_of(before)}.")
    return text


def _declared(row: AskRow, argument: str) -> bool:
    """The tool's schema speaks of it, and is what decides of which type it may be."""
    return bool(_schema_of(AskContext.model_validate_json(row.context_json).parameters.get("properties"), argument))


def fault_at(row: AskRow, message: str) -> str:
    """The field of which `message` speaks, as `midwatch.policy.shapes` names arguments; "" where it is none."""
    named = [field for field in fields_of(row) if any(f"`{field.argument}{end}" in message for end in ("`", ".", "["))]
    return named[0].name if named else ""


def _wrong(field: Field, message: str) -> str:
    raise FieldFault(field.name, message)
