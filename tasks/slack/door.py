"""Slack: what does a click or a form that was sent mean? Checked anew every time, and decided by the one function."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, cast, get_args
from urllib.parse import unquote

from midwatch.calls import visible
from midwatch.errors import CallError, LedgerError
from midwatch.ledger import AskDecision, AskRow, Ledger
from tasks.permissions.answers import decide
from tasks.permissions.form import Answer
from tasks.slack.message import Act, Asked, can_be_whole, standing
from tasks.slack.modal import FieldFault, Form, form, said
from tasks.slack.rich import Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    id: str
    name: str

    @property
    def by(self) -> str:
        """As the ledger keeps it."""
        return f"slack:{self.id} {visible(self.name)[:80]}".strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """One interaction, as Slack reports it."""

    person: Person
    act: Act
    sent: bool
    """A form was sent; else a button was clicked."""
    digest: str
    """Of the call that was shown."""
    ask_id: str
    channel: str = ""
    trigger_id: str = ""
    state: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """Nothing was decided now; the person reads why."""

    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Opens:
    view: Part


@dataclass(frozen=True, slots=True, kw_only=True)
class Faulty:
    """The form stays open, with this beside a field."""

    errors: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    decision: AskDecision

    @property
    def stands(self) -> str:
        """For whoever came second."""
        return f"Decided already: {standing(self.decision.row)}. That stands; your click changed nothing."


Meaning = Told | Opens | Faulty | Decided


def touch(payload: Mapping[str, Any]) -> Touch | None:
    """The interaction in a payload; None where it is none of ours, or not formed as Slack's are."""
    try:
        return _read(payload)
    except (AttributeError, TypeError, LookupError):
        return None


def _read(payload: Mapping[str, Any]) -> Touch | None:
    user = payload.get("user") or {}
    person = Person(id=str(user.get("id") or ""), name=str(user.get("username") or user.get("name") or ""))
    match payload.get("type"):
        case "block_actions":
            action = (payload.get("actions") or [{}])[0]
            told = action.get("action_id"), action.get("value")
            place = str((payload.get("channel") or {}).get("id") or "")
            return _touch(person, *told, channel=place, trigger_id=str(payload.get("trigger_id") or ""))
        case "view_submission":
            view = payload.get("view") or {}
            state = (view.get("state") or {}).get("values") or {}
            return _touch(person, view.get("callback_id"), view.get("private_metadata"), sent=True, state=state)
        case _:
            return None


def _touch(person: Person, act: object, value: object, **rest: Any) -> Touch | None:
    sent = bool(rest.pop("sent", False))
    if act not in get_args(Form if sent else Act) or not isinstance(value, str):
        return None
    digest, _, ask_id = value.partition(" ")
    return Touch(person=person, act=cast(Act, act), sent=sent, digest=digest, ask_id=unquote(ask_id), **rest)


async def meaning(ledger: Ledger, deciders: Collection[str], it: Touch) -> Meaning:
    """What comes of an interaction. Only here is anything decided, and only by one of `deciders`."""
    if it.person.id not in deciders:
        return Told(text="Only those who are listed in Midwatch's Slack block decide here. Nothing was done.")
    try:
        one = await _asked(ledger, it.ask_id)
        if not it.digest or it.digest != one.row.digest:
            return Told(text="What you saw is not the call that waits now. Nothing was done; look at it again.")
        if one.row.verdict is not None:
            return Decided(decision=AskDecision(first=False, row=one.row))
        return await _done(ledger, it, one)
    except (LedgerError, CallError) as error:
        return Told(text=f"Nothing was done: {error}")


async def _asked(ledger: Ledger, ask_id: str) -> Asked:
    row = await ledger.ask(ask_id)
    rows = await ledger.asks_of(row.run_id)
    return Asked(number=[one.ask_id for one in rows].index(ask_id) + 1, row=row)


async def _done(ledger: Ledger, it: Touch, one: Asked) -> Meaning:
    if it.act == "approve":
        answer = Answer(ask_id=it.ask_id, verdict="approved")
    elif it.act == "deny":
        answer = Answer(ask_id=it.ask_id, verdict="denied")
    elif not it.sent:
        return _opened(it.act, one)
    else:
        try:
            answer = said(it.act, it.state, one.row)
        except FieldFault as fault:
            return Faulty(errors={fault.field: str(fault)})
    return await _decided(ledger, it, one.row, answer)


def _opened(kind: Form, one: Asked) -> Meaning:
    view = form(kind, one) if kind == "deny_because" or can_be_whole(one.row) else None
    if view is None:
        return Told(text=f"Too long for a form of Slack's. `midwatch show {one.row.run_id[:8]}` shows it whole.")
    return Opens(view=view)


async def _decided(ledger: Ledger, it: Touch, row: AskRow, answer: Answer) -> Meaning:
    try:
        return Decided(decision=await decide(ledger, row, answer, by=it.person.by, via="slack"))
    except CallError as error:
        if answer.verdict == "edited":
            return Faulty(errors={"0": str(error)})
        raise
