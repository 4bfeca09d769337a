"""Slack: what does a click or a form that was sent mean? Checked anew every time, and decided by the one function."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from midwatch.errors import CallError, LedgerError
from midwatch.ledger import AskDecision, AskRow, Ledger
from midwatch.policy.offers import Bounds
from midwatch.request import Question
from midwatch.reviewer import lesson
from midwatch.run_ids import short
from tasks.permissions.answers import decide, questions_of, take_over
from tasks.permissions.edit_fields import FieldFault
from tasks.permissions.form import Answer
from tasks.slack.buttons import Act, can_be_whole
from tasks.slack.message import standing
from tasks.slack.modal import bounds, form, said
from tasks.slack.rich import Part
from tasks.slack.touch import Click, Sent, Touch


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
class Wants:
    """The words of a mandate, before anything is decided."""

    question: Question
    bounds: Bounds


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    decision: AskDecision

    @property
    def news(self) -> str:
        """What whoever decided has to hear besides; "" for nothing."""
        row = self.decision.row
        if not self.decision.first:
            return f"Decided already: {standing(row)}. That stands; your click changed nothing."
        return lesson(row)


@dataclass(frozen=True, slots=True, kw_only=True)
class Halts:
    """The agent of a question is to do nothing any more, whatever becomes of the question."""

    row: AskRow


Meaning = Told | Opens | Faulty | Wants | Decided | Halts


async def meaning(ledger: Ledger, deciders: Collection[str], it: Touch) -> Meaning:
    """What comes of an interaction. Only here is anything decided, and only by one of `deciders`."""
    if it.person.id not in deciders:
        return Told(text="Only those who are listed in Midwatch's Slack block decide here. Nothing was done.")
    try:
        if isinstance(it.what, Click) and it.what.act == "halt":
            return Halts(row=await ledger.ask(it.ask_id))
        one = await _asked(ledger, it.ask_id)
        if not it.digest or it.digest != one.ask.digest:
            return Told(text="What you saw is not the call that waits now. Nothing was done; look at it again.")
        if one.ask.verdict is not None:
            return Decided(decision=AskDecision(first=False, row=one.ask))
        if isinstance(it.what, Click):
            return await _clicked(ledger, it, it.what.act, one)
        return await _sent(ledger, it, it.what, one)
    except (LedgerError, CallError) as error:
        return Told(text=f"Nothing was done: {error}")


async def _asked(ledger: Ledger, ask_id: str) -> Question:
    run_id = (await ledger.ask(ask_id)).run_id
    return next(one for one in await questions_of(ledger, run_id) if one.ask.ask_id == ask_id)


async def _clicked(ledger: Ledger, it: Touch, act: Act, one: Question) -> Meaning:
    if act == "approve":
        return await _decided(ledger, it, one.ask, Answer(ask_id=it.ask_id, verdict="approved"))
    if act == "deny":
        return await _decided(ledger, it, one.ask, Answer(ask_id=it.ask_id, verdict="denied"))
    assert act != "halt"  # which has been heard before
    view = form(act, one) if act in ("deny_because", "take_over") or can_be_whole(one) else None
    if view is None:
        return Told(text=f"Too long for a form of Slack's. `midwatch show {short(one.ask.run_id)}` shows it whole.")
    return Opens(view=view)


async def _sent(ledger: Ledger, it: Touch, sent: Sent, one: Question) -> Meaning:
    try:
        if sent.form == "mandate":
            return Wants(question=one, bounds=bounds(sent.state))
        return await _decided(ledger, it, one.ask, said(sent.form, sent.state, one))
    except FieldFault as fault:
        return Faulty(errors={fault.field: str(fault)})


async def _decided(ledger: Ledger, it: Touch, row: AskRow, answer: Answer) -> Meaning:
    if answer.verdict == "taken_over":
        ended = await take_over(ledger, row.run_id, by=it.person.by, via="slack", reason=answer.reason)
        return Decided(decision=next((one for one in ended if one.first), ended[0]))
    try:
        return Decided(decision=await decide(ledger, row, answer, by=it.person.by, via="slack"))
    except CallError as error:
        if answer.verdict == "edited":
            return Faulty(errors={"0": str(error)})
        raise
