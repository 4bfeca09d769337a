"""Permissions: what does a person see and fill in? The resume form of a suspended run, in Prefect's UI and everywhere else.

Every ask of a run has a number, and its fields carry it (`decision_2`), so that the answers of several rounds never mix.
Prefect checks a form by its JSON schema alone and shows a pydantic error only after accepting it, so every constraint
here is one that JSON schema can say.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, assert_never

from prefect.input import RunInput
from pydantic import Field, create_model

from midwatch.calls import canonical_json, parse_call
from midwatch.errors import CallError
from midwatch.request import Question
from tasks.permissions.edit_fields import EditField, are_choices, changed, edit_fields, filled

EDITABLE: Final = 5
"""Up to so many asks in one form, each can be edited there; a longer form asks for yes or no."""
OVER: Final = "take over"
"""The run ends here, and a person goes on with its work."""

Verdict = Literal["approved", "denied", "edited", "answered", "taken_over"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person said to one ask."""

    ask_id: str
    verdict: Verdict
    reason: str = ""
    edited_args_json: str | None = None
    answer: str | None = None


def resume_form(asks: Sequence[Question], description: str) -> type[RunInput]:
    """The form of one round, as Prefect stores and shows it."""
    fields: dict[str, Any] = {}
    for question in asks:
        fields |= _fields(question, editable=len(asks) <= EDITABLE)
    fields["reason"] = (str, Field("", title="Reason, which the agent is told", max_length=1000))
    form = create_model("Decision", __base__=RunInput, **fields)
    form._description = description
    form.model_config = {**form.model_config, "json_schema_extra": {"allOf": [*map(_said, asks)]}}
    form.model_rebuild(force=True)
    return form


def _fields(question: Question, *, editable: bool) -> dict[str, Any]:
    number, ask = question.number, question.ask
    if ask.kind == "answer":
        return _answer_fields(question)
    edits = _edit_fields(question) if editable else []
    decisions = ("approve", "deny", "edit", OVER) if edits else ("approve", "deny", OVER)
    title = f"{number} · {ask.tool}: your decision"
    decision = {f"decision_{number}": (Literal[decisions], Field(title=title))}
    return decision | {edit.name: edit.in_form(number) for edit in edits}


def _answer_fields(question: Question) -> dict[str, Any]:
    """An answer is given without a further choice; whoever wants to give none says so."""
    number, options = question.number, _options(question)
    title = f"{number} · your answer"
    text: dict[str, Any] = {"max_length": 4000}
    fields: dict[str, Any] = {f"decision_{number}": (Literal["answer", "deny", OVER], Field("answer", title=title))}
    if options:
        choice = Field("", title=f"{number} · one of these", json_schema_extra=_empty)
        fields[f"choice_{number}"] = (Literal[options], choice)
    own = f"{number} · {'or say it yourself' if options else 'in your words'}"
    return {**fields, f"answer_{number}": (str, Field("", title=own, **text))}


def _said(question: Question) -> dict[str, Any]:
    """JSON Schema: an answer has words, chosen or written."""
    number = question.number
    choice, words = f"choice_{number}", f"answer_{number}"
    if question.ask.kind != "answer":
        return {}
    written = {"required": [words], "properties": {words: {"minLength": 1}}}
    then = {"anyOf": [written, {"required": [choice]}]} if _options(question) else written
    return {"if": {"properties": {f"decision_{number}": {"const": "answer"}}}, "then": then}


def _empty(schema: dict[str, Any]) -> None:
    """Nothing is chosen for a person."""
    del schema["default"]


def _options(question: Question) -> tuple[str, ...]:
    """The answers that an agent offers, where they make a list to choose from."""
    options = json.loads(question.ask.args_json).get("options")
    return tuple(options) if are_choices(options) else ()


def _edit_fields(question: Question) -> list[EditField]:
    ask = question.ask
    return edit_fields(question.number, ask.args_json, question.context.parameters) if ask.kind == "approve" else []


def is_taken_over(values: Mapping[str, Any], asks: Sequence[Question]) -> bool:
    """A filled-in form says of one of its questions that the run ends; that speaks for all of them."""
    return any(values.get(f"decision_{question.number}") == OVER for question in asks)


def answers_of(values: Mapping[str, Any], asks: Sequence[Question]) -> list[Answer]:
    """The answers that a filled-in form holds; an ask without a decision there has none.

    Raises:
        CallError: an edit that cannot be read, a yes to something else than was asked, no answer; says which.
    """
    return [answer for question in asks if (answer := _answer(values, question)) is not None]


def _answer(values: Mapping[str, Any], question: Question) -> Answer | None:
    number, ask_id, reason = question.number, question.ask.ask_id, str(values.get("reason") or "")
    match values.get(f"decision_{number}"):
        case "approve":
            _check_unchanged(values, question)
            return Answer(ask_id=ask_id, verdict="approved", reason=reason)
        case "deny":
            return Answer(ask_id=ask_id, verdict="denied", reason=reason)
        case "edit":
            edited = changed(_edit_fields(question), values)
            return Answer(ask_id=ask_id, verdict="edited", reason=reason, edited_args_json=edited)
        case said if said == OVER:
            return Answer(ask_id=ask_id, verdict="taken_over", reason=reason)
        case _ if question.ask.kind == "answer":
            return Answer(ask_id=ask_id, verdict="answered", answer=_words(values, number))
        case _:
            return None


def _words(values: Mapping[str, Any], number: int) -> str:
    """What was chosen and what was said besides."""
    said = [str(value) for name in ("choice", "answer") if (value := values.get(f"{name}_{number}"))]
    if not said:
        raise CallError("no answer was given: write one, or choose `deny`")
    return "\n".join(said)


def _check_unchanged(values: Mapping[str, Any], question: Question) -> None:
    """Raises CallError where a yes comes with other arguments than were shown: nobody knows which of the two is meant."""
    fields = _edit_fields(question)
    if not any(field.name in values for field in fields):
        return
    tool, asked = question.ask.tool, question.ask.args_json
    try:
        same = canonical_json(parse_call(tool, changed(fields, values)).args) == canonical_json(
            parse_call(tool, asked).args
        )
    except CallError:
        same = False
    if not same:
        raise CallError(
            f"ask {question.number} was approved and its arguments changed: choose `edit` to run the changed call, or "
            "`approve` with the arguments as they were"
        )


def values_for(answers: Sequence[Answer], asks: Sequence[Question]) -> dict[str, Any]:
    """The filled-in form that says `answers`: what a channel other than Prefect's UI resumes the run with."""
    by_id = {question.ask.ask_id: question for question in asks}
    values: dict[str, Any] = {}
    for answer in answers:
        question = by_id[answer.ask_id]
        values |= _filled_in(answer, question)
    return values


def _filled_in(answer: Answer, question: Question) -> dict[str, Any]:
    decision = f"decision_{question.number}"
    match answer.verdict:
        case "approved":
            return {decision: "approve"}
        case "denied":
            return {decision: "deny"}
        case "taken_over":
            return {decision: OVER}
        case "edited":
            edits = filled(_edit_fields(question), answer.edited_args_json or question.ask.args_json)
            return {decision: "edit", **edits}
        case "answered":
            return {f"answer_{question.number}": answer.answer}
        case _:
            assert_never(answer.verdict)
