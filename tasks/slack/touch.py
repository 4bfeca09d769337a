"""Slack: who clicked what, or sent which form? Read from what Slack reports, and believed in nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args
from urllib.parse import unquote

from midwatch.calls import visible
from tasks.slack.buttons import MENU, MENU_TEXTS, Act, Form


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: str
    name: str

    @property
    def by(self) -> str:
        """As the ledger keeps it."""
        return f"slack:{self.id} {visible(self.name)[:80]}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Click:
    """On a button or on an entry of the menu."""

    act: Act
    channel: str
    trigger_id: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A form."""

    form: Form
    view_id: str
    token: str
    """Of the mandate that was shown, with `sign`."""
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One interaction, as Slack reports it."""

    person: Person
    what: Click | Sent
    digest: str
    """Of the call that was shown."""
    ask_id: str


def touch(payload: Mapping[str, Any]) -> Touch | None:
    """The interaction in a payload; None where it is none of ours, or not formed as Slack's are."""
    try:
        return _read(payload)
    except (AttributeError, TypeError, LookupError):
        return None


def _read(payload: Mapping[str, Any]) -> Touch | None:
    match payload.get("type"):
        case "block_actions":
            return _clicked(payload)
        case "view_submission":
            return _sent(payload)
        case _:
            return None


def _clicked(payload: Mapping[str, Any]) -> Touch | None:
    action = (payload.get("actions") or [{}])[0]
    act, known = action.get("action_id"), get_args(Act)
    value = action.get("value") or action.get("block_id")
    if act == MENU:
        act, known = action["selected_option"]["value"], tuple(MENU_TEXTS)
    if act not in known or not isinstance(value, str):
        return None
    place = str((payload.get("channel") or {}).get("id") or "")
    click = Click(act=cast(Act, act), channel=place, trigger_id=str(payload.get("trigger_id") or ""))
    return _about(payload, click, value.split(" "))


def _sent(payload: Mapping[str, Any]) -> Touch | None:
    view = payload.get("view") or {}
    form, value = view.get("callback_id"), view.get("private_metadata")
    if form not in get_args(Form) or not isinstance(value, str):
        return None
    named, state = value.split(" "), (view.get("state") or {}).get("values") or {}
    token = named[2] if len(named) > 2 else ""
    sent = Sent(form=cast(Form, form), view_id=str(view.get("id") or ""), token=token, state=state)
    return _about(payload, sent, named)


def _about(payload: Mapping[str, Any], what: Click | Sent, named: list[str]) -> Touch:
    user = payload.get("user") or {}
    person = Person(id=str(user.get("id") or ""), name=str(user.get("username") or user.get("name") or ""))
    digest, ask_id = named[0], named[1] if len(named) > 1 else ""
    return Touch(person=person, what=what, digest=digest, ask_id=unquote(ask_id))
