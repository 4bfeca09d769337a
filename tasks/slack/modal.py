"""Slack: which form does a button open, and what does it say when it is sent?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final, Literal, assert_never

from midwatch.calls import visible
from midwatch.ledger import AskRow
from tasks.permissions.form import Answer
from tasks.slack.message import WHOLE, Asked, heading, value
from tasks.slack.pieces import elements_of, pieces_of, readable, sight
from tasks.slack.rich import Part, block, line, plain, says

Form = Literal["deny_because", "edit", "answer", "whole"]
FIELD: Final = 3000
"""Characters that a field of Slack's takes."""
LABEL: Final = 2000
"""Characters of a field's label."""
FIELDS: Final = 40
OPTION: Final = 75
"""Characters of a choice's label."""


class FieldFault(ValueError):
    """What was filled in cannot be taken.

    Attributes:
        field: the block id of the field that it is about.
    """

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


def form(kind: Form, one: Asked) -> Part | None:
    """The view that `views.open` takes; None where Slack's fields cannot hold it."""
    whole = [part for piece in sight(pieces_of(one.row), WHOLE).pieces for part in elements_of(piece)]
    match kind:
        case "deny_because":
            reason = _field("reason", "Why? The agent is told", "", optional=True)
            return _view(kind, one, "Deny", [block(*heading(one)), reason])
        case "whole":
            return _view(kind, one, "Approve", [block(*heading(one), *whole)])
        case "answer":
            return _view(kind, one, "Answer", [block(*heading(one), *whole), *_answer_fields(one.row)])
        case "edit":
            fields = _edit_fields(one.row)
            told = line(says("Exactly what stands here when you send it runs, once, if the rules let it."))
            return None if fields is None else _view(kind, one, "Run it so", [block(*heading(one), told), *fields])
        case unknown:
            assert_never(unknown)


def told(text: str) -> Part:
    """A view that only says something."""
    return {"type": "modal", "title": plain("Midwatch"), "close": plain("Close"), "blocks": [block(line(says(text)))]}


def _view(kind: Form, one: Asked, submit: str, parts: list[Part]) -> Part:
    named = {"callback_id": kind, "private_metadata": value(one.row)}
    labels = {"title": plain("Midwatch"), "submit": plain(submit), "close": plain("Back")}
    return {"type": "modal", **named, **labels, "blocks": parts}


def _field(name: str, label: str, text: str, *, optional: bool = False, lines: bool = True) -> Part:
    filled = {"initial_value": text} if text else {}
    element = {"type": "plain_text_input", "action_id": "said", "multiline": lines, "max_length": FIELD, **filled}
    return {"type": "input", "block_id": name, "label": plain(label), "optional": optional, "element": element}


def _choice(name: str, label: str, choices: list[str], chosen: str = "", *, optional: bool = False) -> Part:
    options = [{"text": plain(text), "value": str(place)} for place, text in enumerate(choices)]
    initial = {"initial_option": options[choices.index(chosen)]} if chosen else {}
    element = {"type": "radio_buttons", "action_id": "said", "options": options, **initial}
    return {"type": "input", "block_id": name, "label": plain(label), "optional": optional, "element": element}


def _answer_fields(row: AskRow) -> list[Part]:
    options = _options(row)
    choice = [_choice("option", "Choose", options, optional=True)] if options else []
    return [*choice, _field("answer", "Or say it yourself" if options else "Your answer", "", optional=bool(options))]


def _options(row: AskRow) -> list[str]:
    """The choices of a question, where Slack can show them all as they are."""
    options = json.loads(row.args_json).get("options")
    if not isinstance(options, list) or not 1 <= len(options) <= 10:
        return []
    whole = all(isinstance(text, str) and text.strip() and len(visible(text)) <= OPTION for text in options)
    return options if whole else []


def _arguments(row: AskRow) -> dict[str, Any]:
    return dict(json.loads(row.args_json))


def _is_text(argument: object) -> bool:
    """It can be typed as it is; everything else is JSON: what a person would not see stands there escaped."""
    return isinstance(argument, str) and visible(argument) == argument == argument.strip()


def _json(argument: object) -> str:
    text = json.dumps(argument, ensure_ascii=False, indent=2)
    return "".join(sign if visible(sign) == sign else json.dumps(sign)[1:-1] for sign in text)


def _edit_fields(row: AskRow) -> list[Part] | None:
    arguments = _arguments(row)
    fields = [
        _edit_field(f"{place}", readable(name), argument) for place, (name, argument) in enumerate(arguments.items())
    ]
    fits = (
        len(part["element"].get("initial_value", "")) <= FIELD and len(part["label"]["text"]) <= LABEL
        for part in fields
    )
    return fields if len(fields) <= FIELDS and all(fits) else None


def _edit_field(place: str, name: str, argument: object) -> Part:
    if isinstance(argument, bool):
        return _choice(place, name, ["true", "false"], json.dumps(argument))
    if _is_text(argument):
        return _field(place, name, str(argument), optional=True)
    one_line = isinstance(argument, int | float)
    return _field(place, f"{name} ({_type_of(argument)}, as JSON)", _json(argument), lines=not one_line)


def said(kind: Form, state: Mapping[str, Any], row: AskRow) -> Answer:
    """What a form that was sent says; `state` is `view.state.values`.

    Raises:
        FieldFault: a field holds what it cannot.
    """
    match kind:
        case "deny_because":
            return Answer(ask_id=row.ask_id, verdict="denied", reason=_text(state, "reason"))
        case "whole":
            return Answer(ask_id=row.ask_id, verdict="approved")
        case "answer":
            return Answer(ask_id=row.ask_id, verdict="answered", answer=_answer(state, row))
        case "edit":
            return Answer(ask_id=row.ask_id, verdict="edited", edited_args_json=_edited(state, row))
        case unknown:
            assert_never(unknown)


def _text(state: Mapping[str, Any], name: str) -> str:
    element = state.get(name, {}).get("said", {})
    chosen = element.get("selected_option") or {}
    return str(element.get("value") or chosen.get("value") or "")


def _answer(state: Mapping[str, Any], row: AskRow) -> str:
    if typed := _text(state, "answer").strip():
        return typed
    options, chosen = _options(row), _text(state, "option")
    if not chosen.isdecimal() or int(chosen) >= len(options):
        raise FieldFault("answer", "Say something, or choose one.")
    return options[int(chosen)]


def _edited(state: Mapping[str, Any], row: AskRow) -> str:
    """The whole arguments as one JSON object, each of the type that it had."""
    arguments = _arguments(row).items()
    texts = [_edited_json(state, str(place), argument) for place, (_, argument) in enumerate(arguments)]
    named = (f"{json.dumps(name)}: {text}" for (name, _), text in zip(arguments, texts, strict=True))
    return f"{{{', '.join(named)}}}"


def _edited_json(state: Mapping[str, Any], place: str, argument: object) -> str:
    if place not in state:
        raise FieldFault(place, "This field is missing.")
    text = _text(state, place)
    if isinstance(argument, bool):
        return "true" if text == "0" else "false" if text == "1" else _wrong(place, "Choose one.")
    if _is_text(argument):
        return json.dumps(text)
    try:
        edited = json.loads(text)
    except ValueError as error:
        raise FieldFault(place, f"This is not JSON: {error}") from error
    if argument is not None and _type_of(edited) != _type_of(argument):
        _wrong(place, f"This is {_type_of(edited)}; it has to be {_type_of(argument)}.")
    return text


def _wrong(place: str, message: str) -> str:
    raise FieldFault(place, message)


def _type_of(argument: object) -> str:
    match argument:
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
