"""The page: what does a form that was sent say? Read whole before anything is decided, and decided by the one function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, assert_never

from midwatch.calls import canonical_json, parse_call
from midwatch.errors import CallError
from midwatch.ledger import AskDecision, AskKind, AskRow, Ledger
from tasks.page.fields import edited, fault_at
from tasks.permissions.answers import decide, settle, take_over
from tasks.permissions.edit_fields import FieldFault
from tasks.permissions.form import Answer

Act = Literal["approve", "always", "deny", "answer", "happened", "did_not_happen"]
"""What can be said to one question; always: yes, and a rule is proposed for the next time."""

ACTS: Final[Mapping[AskKind, tuple[Act, ...]]] = {
    "approve": ("approve", "deny", "always"),
    "park": ("approve", "deny"),
    "answer": ("answer", "deny"),
    "settle": ("happened", "did_not_happen"),
}
LONGEST_REASON: Final = 1000
LONGEST_ANSWER: Final = 4000

Form = Mapping[str, str]
"""The fields of a form, line ends as one character. `q0.do` is what is said to the first question."""


class FormFault(ValueError):
    """What was sent cannot be taken, and nothing was decided.

    Attributes:
        faults: by field; "" for the form as a whole.
    """

    def __init__(self, faults: Mapping[str, str]) -> None:
        super().__init__("; ".join(faults.values()))
        self.faults = dict(faults)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What is said to one question."""

    row: AskRow
    act: Act
    reason: str = ""
    answer: str | None = None


def chosen(rows: Sequence[AskRow], form: Form) -> list[Chosen]:
    """What is said to which of the questions that the form showed, in their order.

    Raises:
        FormFault: a field holds what it cannot, the form contradicts itself, or says nothing at all.
    """
    faults: dict[str, str] = {}
    said: list[Chosen] = []
    for place, row in enumerate(rows):
        try:
            if (act := _act(row, place, form)) is not None:
                said.append(_chosen(row, act, place, form))
        except FieldFault as fault:
            faults[fault.field] = str(fault)
    if not said and not faults:
        faults[""] = "Nothing was chosen, and nothing was decided."
    if faults:
        raise FormFault(faults)
    return said


def _act(row: AskRow, place: int, form: Form) -> Act | None:
    """None: nothing is said to it now."""
    own, everything = form.get(f"q{place}.do", ""), form.get("all", "")
    fitting = ACTS[row.kind]
    if own and own not in fitting:
        raise FieldFault(f"q{place}.do", "This cannot be said to this question.")
    if everything not in ("", "approve", "deny"):
        raise FieldFault("", "This button is not of this page.")
    if not own and not everything and row.kind == "answer" and _says_something(place, form):
        return "answer"
    wanted = next((act for act in fitting if act == everything), None)
    if own and wanted and own not in (wanted, "always" if wanted == "approve" else wanted):
        raise FieldFault(f"q{place}.do", "You chose otherwise here. Choose the same, or send what you chose.")
    return next((act for act in fitting if act == own), wanted)


def _chosen(row: AskRow, act: Act, place: int, form: Form) -> Chosen:
    reason = reason_of(form, place)
    match act:
        case "answer":
            return Chosen(row=row, act=act, answer=_answer(row, place, form))
        case "happened" | "did_not_happen" if not reason:
            raise FieldFault(f"q{place}.reason", "Say how you know: it stays in the ledger.")
        case _:
            return Chosen(row=row, act=act, reason=reason)


def reason_of(form: Form, place: int) -> str:
    """The reason at one question, else the one for all. Raises FieldFault where it is too long."""
    for name in (f"q{place}.reason", "reason"):
        if text := form.get(name, "").strip():
            if len(text) > LONGEST_REASON:
                raise FieldFault(name, f"These are {len(text):,} characters; a reason has at most {LONGEST_REASON:,}.")
            return text
    return ""


def reason_at(form: Form, place: int) -> str:
    """`reason_of`, where nothing else is read. Raises FormFault."""
    try:
        return reason_of(form, place)
    except FieldFault as fault:
        raise FormFault({fault.field: str(fault)}) from fault


def options_of(row: AskRow) -> tuple[str, ...]:
    """The choices that a question offers."""
    options = parse_call(row.tool, row.args_json).args.get("options")
    texts = options if isinstance(options, tuple) else ()
    return texts if all(isinstance(text, str) and text.strip() for text in texts) else ()


def _says_something(place: int, form: Form) -> bool:
    return bool(form.get(f"q{place}.answer", "").strip() or form.get(f"q{place}.option"))


def _answer(row: AskRow, place: int, form: Form) -> str:
    typed, choice = form.get(f"q{place}.answer", "").strip(), form.get(f"q{place}.option", "")
    options = options_of(row)
    if typed and choice:
        raise FieldFault(f"q{place}.answer", "You chose an answer and wrote another. Empty this field, or choose none.")
    if len(typed) > LONGEST_ANSWER:
        raise FieldFault(f"q{place}.answer", f"These are {len(typed):,} characters; at most {LONGEST_ANSWER:,} fit.")
    if typed:
        return typed
    if not choice.isdecimal() or int(choice) >= len(options):
        raise FieldFault(f"q{place}.answer", "Choose an answer, or write one." if options else "Write an answer.")
    return options[int(choice)]


async def carry_out(ledger: Ledger, one: Chosen, *, by: str) -> AskDecision:
    """Write down what is said to one question.

    Raises:
        LedgerError: it cannot be said to it; says why.
    """
    match one.act:
        case "happened" | "did_not_happen":
            return await settle(ledger, one.row, one.act, by=by, via="page", reason=one.reason)
        case "approve" | "always":
            answer = Answer(ask_id=one.row.ask_id, verdict="approved", reason=one.reason)
        case "deny":
            answer = Answer(ask_id=one.row.ask_id, verdict="denied", reason=one.reason)
        case "answer":
            answer = Answer(ask_id=one.row.ask_id, verdict="answered", answer=one.answer)
        case _:
            assert_never(one.act)
    return await decide(ledger, one.row, answer, by=by, via="page")


async def carry_out_edit(ledger: Ledger, row: AskRow, form: Form, *, by: str) -> AskDecision:
    """Say yes to the call as the form has it; to the call as it was shown where nothing was changed.

    Raises:
        FormFault: what was filled in is not a call that the tool takes.
        LedgerError: no yes can be said to it; says why.
    """
    try:
        args_json, reason = edited(row, form), reason_of(form, 0)
        same = canonical_json(parse_call(row.tool, args_json).args) == canonical_json(
            parse_call(row.tool, row.args_json).args
        )
        changed = {} if same else {"edited_args_json": args_json}
        answer = Answer(ask_id=row.ask_id, verdict="approved" if same else "edited", reason=reason, **changed)
        return await decide(ledger, row, answer, by=by, via="page")
    except FieldFault as fault:
        raise FormFault({fault.field: str(fault)}) from fault
    except CallError as error:
        raise FormFault({fault_at(row, str(error)): str(error)}) from error


async def carry_out_takeover(ledger: Ledger, rows: Sequence[AskRow], form: Form, *, by: str) -> list[AskDecision]:
    """End the run of these questions, all of which were shown: the person goes on with its work.

    Raises:
        FormFault: they are not all that waits of one run.
        LedgerError: nothing of it waits any more.
    """
    runs = {row.run_id for row in rows}
    shown = {row.ask_id for row in rows}
    if len(runs) != 1:
        raise FormFault({"": "These are several runs: take each over by itself, with `midwatch takeover RUN`."})
    run_id = runs.pop()
    waiting = {row.ask_id for row in await ledger.asks_of(run_id) if row.verdict is None and row.kind != "settle"}
    if not waiting <= shown:
        raise FormFault({"": "The run asks more than is shown here. Nothing was done: look at all of it first."})
    return await take_over(ledger, run_id, by=by, via="page", reason=reason_at(form, 0))
