"""The page: what comes of a form that was sent? Each decision for itself, and what the person has to be told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from midwatch.errors import LedgerAway, LedgerError
from midwatch.ledger import AskDecision, AskRow, Ledger
from tasks.page.ahead import sign
from tasks.page.meaning import (
    Chosen,
    Form,
    FormFault,
    carry_out,
    carry_out_edit,
    carry_out_takeover,
    chosen,
    reason_at,
)
from tasks.page.tokens import Signer
from tasks.page.words import standing


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    made: tuple[AskDecision, ...] = ()
    notes: tuple[str, ...] = ()
    """What the person has to be told."""
    always: tuple[AskRow, ...] = ()
    """Questions for which a rule is to be proposed."""
    as_wanted: bool = True
    """What was sent was decided."""


async def taken(ledger: Ledger, signer: Signer, rows: Sequence[AskRow], form: Form, *, by: str, holder: str) -> Outcome:
    """Decide what `form` says to `rows`, all of which it showed.

    Raises:
        FormFault: it cannot be taken so; nothing was decided.
        LedgerAway: it cannot be decided at this moment.
    """
    try:
        if form.get("all") == "take_over":
            return _outcome(await carry_out_takeover(ledger, rows, form, by=by))
        if "edit" in form:
            return _outcome([await carry_out_edit(ledger, rows[0], form, by=by)])
        if "sign" in form:
            return await _signed(ledger, signer, rows[0], form, by=by, holder=holder)
    except LedgerAway:
        raise
    except LedgerError as error:
        return Outcome(notes=(f"Nothing was done: {error}",), as_wanted=False)
    return await _each(ledger, chosen(rows, form), by=by)


async def _each(ledger: Ledger, said: Sequence[Chosen], *, by: str) -> Outcome:
    made: list[AskDecision] = []
    notes: list[str] = []
    always: list[AskRow] = []
    for one in said:
        try:
            decision = await carry_out(ledger, one, by=by)
        except LedgerError as error:
            notes.append(f"{one.row.tool}: nothing was done: {error}")
            continue
        made.append(decision)
        if one.act == "always" and _is_yes(decision):
            always.append(decision.row)
    return _outcome(made, notes=notes, always=always)


async def _signed(ledger: Ledger, signer: Signer, row: AskRow, form: Form, *, by: str, holder: str) -> Outcome:
    """A yes, and the mandate that was shown; signed before the run goes on, so that its next call finds it."""
    facts = signer.read_offer(form["sign"], holder)
    if facts is None or facts["ask"] != row.ask_id:
        raise FormFault({"": "This mandate was not shown so. Look at it again."})
    decision = await carry_out(ledger, Chosen(row=row, act="approve", reason=reason_at(form, 0)), by=by)
    if not _is_yes(decision):
        return _outcome([decision])
    try:
        one = await sign(ledger, facts, decision.row, by=by)
    except LedgerError as error:
        return _outcome([decision], notes=[f"This one call runs. No mandate was signed: {error}"])
    said = f"Mandate {one.mandate_id} stands, signed by you. `midwatch mandate revoke {one.mandate_id}` ends it."
    return Outcome(made=(decision,), notes=(said,))


def _outcome(made: Sequence[AskDecision], *, notes: Sequence[str] = (), always: Sequence[AskRow] = ()) -> Outcome:
    """With what has to be told of the decisions that did not count."""
    told = [*(text for one in made if (text := _note(one))), *notes]
    return Outcome(made=tuple(made), notes=tuple(told), always=tuple(always), as_wanted=not told)


def _is_yes(made: AskDecision) -> bool:
    return made.first and made.row.verdict == "approved" and not made.row.planted


def _note(made: AskDecision) -> str:
    """What somebody is told whose answer did not count."""
    if not made.first:
        return f"{made.row.tool}: decided already: {standing(made.row)}. That stands; you changed nothing."
    if made.row.verdict == "expired":
        return f"{made.row.tool}: your answer came too late; its deadline had passed, and silence is a no."
    return ""
