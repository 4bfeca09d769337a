"""Slack: how is a call edited in a form of Slack's? One field for each argument, of the type that its tool takes."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, assert_never

from midwatch.calls import visible
from midwatch.policy.shapes import misfit
from midwatch.request import Question, readable
from tasks.permissions.edit_fields import EditField, FieldFault, edit_fields, is_plain, pretty, type_of
from tasks.slack.rich import Part, plain

FIELD: Final = 3000
"""Characters that a field of Slack's takes."""
LABEL: Final = 2000
"""Characters of a field's label."""
FIELDS: Final = 40
OPTION: Final = 75
"""Characters of a choice's label."""
CHOICES: Final = 100
"""Of a menu."""
_NUMBER: Final = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,9})?")
"""What a number field of Slack's shows as it is."""


def field(name: str, label: str, text: str = "", *, optional: bool = False, lines: bool = True) -> Part:
    filled = {"initial_value": text} if text else {}
    element = {"type": "plain_text_input", "action_id": "said", "multiline": lines, "max_length": FIELD, **filled}
    return _input(name, label, element, optional=optional)


def number(name: str, label: str, text: str, *, whole: bool) -> Part:
    element = {"type": "number_input", "action_id": "said", "is_decimal_allowed": not whole, "initial_value": text}
    return _input(name, label, element)


def choice(name: str, label: str, choices: Sequence[str], chosen: str = "", *, optional: bool = False) -> Part:
    """As radio buttons, or as a menu where they are many."""
    options = [{"text": plain(text), "value": str(place)} for place, text in enumerate(choices)]
    initial = {"initial_option": options[choices.index(chosen)]} if chosen else {}
    kind = "radio_buttons" if len(options) <= 10 else "static_select"
    return _input(name, label, {"type": kind, "action_id": "said", "options": options, **initial}, optional=optional)


def _input(name: str, label: str, element: Part, *, optional: bool = False) -> Part:
    return {"type": "input", "block_id": name, "label": plain(label), "optional": optional, "element": element}


def typed(state: Mapping[str, Any], name: str) -> str:
    """What was filled in: a text, or the value of what was chosen. `state` is `view.state.values`."""
    element = state.get(name, {}).get("said", {})
    chosen = element.get("selected_option") or {}
    return str(element.get("value") or chosen.get("value") or "")


def fields_of(one: Question) -> list[EditField]:
    """One for each argument, whose name is its place; what Slack cannot show as what it is, is edited as JSON."""
    found = edit_fields(one.number, one.ask.args_json, one.context.parameters)
    known = one.context.parameters.get("properties", {})
    return [_for_slack(replace(it, name=str(place)), it.argument in known) for place, it in enumerate(found)]


def _for_slack(it: EditField, known: bool) -> EditField:
    value = json.loads(it.asked)
    match it.kind:
        case "whole" | "number" if not _NUMBER.fullmatch(it.asked):
            return replace(it, kind="json")
        case "choice" if len(it.choices) > CHOICES or any(len(visible(text)) > OPTION for text in it.choices):
            return replace(it, kind="json")
        case "json" if not known and isinstance(value, bool):
            return replace(it, kind="switch")
        case "json" if not known and isinstance(value, int | float) and _NUMBER.fullmatch(it.asked):
            return replace(it, kind="number")
        case "json" if isinstance(value, str) and not known and is_plain(value):
            return replace(it, kind="text")
        case _:
            return it


def edit_blocks(one: Question) -> list[Part] | None:
    """The fields; None where Slack's cannot hold them."""
    parts = [_block(it) for it in fields_of(one)]
    fits = (
        len(part["element"].get("initial_value", "")) <= FIELD and len(part["label"]["text"]) <= LABEL for part in parts
    )
    return parts if len(parts) <= FIELDS and all(fits) else None


def _block(it: EditField) -> Part:
    label, value = readable(it.argument), json.loads(it.asked)
    match it.kind:
        case "switch":
            return choice(it.name, label, ["true", "false"], it.asked)
        case "choice":
            return choice(it.name, label, it.choices, value)
        case "text":
            return field(it.name, label, value, optional=True)
        case "whole" | "number":
            return number(it.name, label, it.asked, whole=it.kind == "whole")
        case "json":
            return field(it.name, f"{label} ({type_of(value)}, as JSON)", pretty(value))
        case _:
            assert_never(it.kind)


def edited(state: Mapping[str, Any], one: Question) -> str:
    """The whole arguments as one JSON object.

    Raises:
        FieldFault: a field holds what its tool does not take.
    """
    schemas = one.context.parameters.get("properties", {})
    said = [(it, _said(state, it, schemas.get(it.argument))) for it in fields_of(one)]
    return "{" + ", ".join(f"{json.dumps(it.argument)}: {text}" for it, text in said) + "}"


def _said(state: Mapping[str, Any], it: EditField, schema: Any) -> str:
    """One argument as JSON; what nobody changed stands as it was asked for, digit by digit."""
    if it.name not in state:
        raise FieldFault(it.name, "This field is missing.")
    text = typed(state, it.name)
    match it.kind:
        case "switch":
            return _chosen(it, ("true", "false"), text)
        case "choice":
            return json.dumps(_chosen(it, it.choices, text))
        case "text":
            return json.dumps(text)
        case "whole" | "number" | "json":
            return it.asked if text in (it.asked, pretty(json.loads(it.asked))) else _checked(it, text, schema)
        case _:
            assert_never(it.kind)


def _chosen(it: EditField, choices: Sequence[str], text: str) -> str:
    if not text.isdecimal() or int(text) >= len(choices):
        raise FieldFault(it.name, "Choose one.")
    return choices[int(text)]


def _checked(it: EditField, text: str, schema: Any) -> str:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise FieldFault(it.name, f"This is not JSON: {error}") from error
    was = json.loads(it.asked)
    if isinstance(schema, Mapping):
        fault = misfit(schema, value, it.argument)
    else:
        other = was is not None and type_of(value) != type_of(was)
        fault = f"This is {type_of(value)}; it has to be {type_of(was)}." if other else ""
    if fault:
        raise FieldFault(it.name, fault)
    return text
