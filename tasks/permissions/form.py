"""Permissions: what does a person see and fill in? The resume form of a suspended run, in Prefect's UI and everywhere else.

Every ask of a run has a number, and its fields carry it (`decision_2`), so that the answers of several rounds never mix.
Prefect checks a form by its JSON schema alone and shows a pydantic error only after accepting it, so every constraint
here is one that JSON schema can say.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from prefect.input import RunInput
from pydantic import Field, create_model

from midwatch.calls import canonical_json, parse_call, visible
from midwatch.errors import CallError
from midwatch.ledger import Ask

EDITABLE: Final = 5
"""Up to so many asks in one form, each can be edited there; a longer form asks for yes or no."""
WIDTH: Final = 56
"""Characters that a line of code may have in Prefect's forms until it runs out of sight."""

Verdict = Literal["approved", "denied", "edited", "answered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person said to one ask."""

    ask_id: str
    verdict: Verdict
    reason: str = ""
    edited_args_json: str | None = None
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedAsk:
    """An ask with its number in the run, counted from 1 in the order in which it was asked."""

    number: int
    ask: Ask
    note: str = ""
    """Why it is asked again, such as an edit that could not be read."""


def resume_form(asks: Sequence[NumberedAsk], description: str) -> type[RunInput]:
    """The form of one round, as Prefect stores and shows it."""
    fields: dict[str, Any] = {}
    for numbered in asks:
        fields |= _fields(numbered, editable=len(asks) <= EDITABLE)
    fields["reason"] = (str, Field("", title="Reason, which the agent is told", max_length=1000))
    form = create_model("Decision", __base__=RunInput, **fields)
    form._description = description
    return form


def _fields(numbered: NumberedAsk, *, editable: bool) -> dict[str, Any]:
    number, ask = numbered.number, numbered.ask
    if ask.kind == "answer":
        return {f"answer_{number}": (str, Field(title=f"{number} · your answer", min_length=1, max_length=4000))}
    if not editable or ask.kind == "park":
        return {
            f"decision_{number}": (Literal["approve", "deny"], Field(title=f"{number} · {ask.tool}: your decision"))
        }
    return {
        f"decision_{number}": (
            Literal["approve", "deny", "edit"],
            Field(title=f"{number} · {ask.tool}: your decision"),
        ),
        f"arguments_{number}": (
            str,
            Field(
                _editable(ask.args_json),
                title=f"{number} · arguments, for edit only",
                max_length=100_000,
                json_schema_extra={"format": "json-string"},  # Prefect's forms show it in a code editor
            ),
        ),
    }


def answers_of(values: Mapping[str, Any], asks: Sequence[NumberedAsk]) -> list[Answer]:
    """The answers that a filled-in form holds; an ask without a decision there has none.

    Raises:
        CallError: an edit is not a JSON object; says which.
    """
    return [answer for numbered in asks if (answer := _answer(values, numbered)) is not None]


def _answer(values: Mapping[str, Any], numbered: NumberedAsk) -> Answer | None:
    number, ask_id, reason = numbered.number, numbered.ask.ask_id, str(values.get("reason") or "")
    if numbered.ask.kind == "answer":
        said = values.get(f"answer_{number}")
        return Answer(ask_id=ask_id, verdict="answered", answer=str(said)) if said else None
    match values.get(f"decision_{number}"):
        case "approve":
            _check_unchanged(values.get(f"arguments_{number}"), numbered)
            return Answer(ask_id=ask_id, verdict="approved", reason=reason)
        case "deny":
            return Answer(ask_id=ask_id, verdict="denied", reason=reason)
        case "edit":
            edited = _edited(values.get(f"arguments_{number}"), numbered)
            return Answer(ask_id=ask_id, verdict="edited", reason=reason, edited_args_json=edited)
        case _:
            return None


def _editable(args_json: str) -> str:
    """The arguments as JSON to be edited; what a person would not see stands there escaped, and means the same."""
    text = json.dumps(json.loads(args_json), ensure_ascii=False, indent=2)
    return "".join(sign if visible(sign) == sign else json.dumps(sign)[1:-1] for sign in text)


def _check_unchanged(text: object, numbered: NumberedAsk) -> None:
    """Raises CallError where a yes comes with other arguments than were shown: nobody knows which of the two is meant."""
    if text is None:
        return
    tool, shown = numbered.ask.tool, numbered.ask.args_json
    try:
        same = canonical_json(parse_call(tool, str(text)).args) == canonical_json(parse_call(tool, shown).args)
    except CallError:
        same = False
    if not same:
        raise CallError(
            f"ask {numbered.number} was approved and its arguments changed: choose `edit` to run the changed call, or "
            "`approve` with the arguments as they were"
        )


def _edited(text: object, numbered: NumberedAsk) -> str:
    try:
        arguments = json.loads(str(text))
    except ValueError as error:
        raise CallError(f"the edited arguments of ask {numbered.number} are not JSON ({error})") from error
    if not isinstance(arguments, dict):
        raise CallError(f"the edited arguments of ask {numbered.number} must be one JSON object, in braces")
    return str(text)


def values_for(answers: Sequence[Answer], asks: Sequence[NumberedAsk]) -> dict[str, Any]:
    """The filled-in form that says `answers`: what a channel other than Prefect's UI resumes the run with."""
    numbers = {numbered.ask.ask_id: numbered.number for numbered in asks}
    values: dict[str, Any] = {}
    for answer in answers:
        number = numbers[answer.ask_id]
        match answer.verdict:
            case "approved":
                values[f"decision_{number}"] = "approve"
            case "denied":
                values[f"decision_{number}"] = "deny"
            case "edited":
                values |= {f"decision_{number}": "edit", f"arguments_{number}": answer.edited_args_json}
            case "answered":
                values[f"answer_{number}"] = answer.answer
    return values


def request_markdown(agent: str, purpose: str, asks: Sequence[NumberedAsk], *, then: str) -> str:
    """What the agent wants, why, and what happens on yes, on no and on silence; all of it, nothing cut.

    Args:
        agent: the agent's name.
        purpose: its description, from its file.
        asks: what waits.
        then: what silence leads to, as its file says (`deny` or `end`).
    """
    head = f"**{agent}** needs your decision.\n\n*{purpose}*\n"
    silence = "the run ends as blocked" if then == "end" else "it is denied, the agent is told so and goes on"
    tail = (
        "\n**On yes** exactly this runs, once. **On no** it is not done, and the agent is told your reason. "
        f"**On silence**, at the deadline, {silence}."
    )
    if any(one.ask.kind == "park" for one in asks):
        tail = "\n**On yes** the run goes on where it stands. **On no**, and on silence at the deadline, it ends as failed."
    return head + "\n".join(_one(numbered) for numbered in asks) + tail


def _one(numbered: NumberedAsk) -> str:
    ask = numbered.ask
    arguments = json.loads(ask.args_json)
    lines = [f"\n### {numbered.number} · {_code(ask.tool)}\n"]
    if numbered.note:
        lines.append(f"**Asked again:** {_plain(numbered.note)}\n")
    if ask.kind == "answer":
        lines.append(_quoted(str(arguments.get("question", ask.args_json))))
        if options := arguments.get("options"):
            lines.append("Options: " + ", ".join(_code(_one_line(option)) for option in options) + "\n")
    else:
        lines.append("".join(f"- {_code(_one_line(name))}: {_value(value)}\n" for name, value in arguments.items()))
        lines.append(f"\n**Why you are asked:** {_why(ask)}\n")
    if ask.words:
        lines.append(f"\nThe agent's own words:\n{_quoted(ask.words)}")
    if ask.deadline:
        lines.append(f"\n**Deadline:** {ask.deadline:%Y-%m-%d %H:%M} UTC\n")
    return "\n".join(lines)


def _why(ask: Ask) -> str:
    """The reason, without the call's arguments, which stand above it, and with the rule, where it does not say which."""
    rule = "" if f"rule {ask.rule}" in ask.reason else f" (rule {_code(ask.rule)})"
    return _plain(ask.reason.replace(f"`{ask.tool} {ask.args_json}`", f"`{ask.tool}`")) + rule


def _value(value: Any) -> str:
    if isinstance(value, list) and value:
        return "\n" + "\n".join(f"    - {_code(_one_line(item))}" for item in value)
    spaced = isinstance(value, str) and any(blank in value.strip() for blank in ("\n", "\t", "  "))
    return f"\n{_fenced(value)}" if spaced else _code(_one_line(value))


def _one_line(value: Any) -> str:
    """As it is where that can be read; as JSON where it would be lost: lines, blanks at the ends, nothing at all."""
    readable = isinstance(value, str) and value and "\n" not in value and value == value.strip()
    return str(value) if readable else json.dumps(value, ensure_ascii=False)


def _code(text: str) -> str:
    """One line as code, whatever is in it: no markup, no links, no images."""
    fence = "`" * (_longest_run_of_backticks(text) + 1)
    pad = " " if "`" in (text[:1], text[-1:]) else ""
    return f"{fence}{pad}{visible(text)}{pad}{fence}"


def _plain(text: str) -> str:
    """One line as prose, whatever is in it: Markdown takes punctuation after a backslash as itself."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", visible(text).replace("\n", " "))


def _quoted(text: str) -> str:
    """Prose of any length, as a quotation; nothing in it is markup."""
    return "\n" + "\\\n".join(f"> {_plain(line)}" for line in text.strip().split("\n")) + "\n"


def _fenced(text: str) -> str:
    """Lines as code. Long ones are broken: the forms would let them run out of sight, and what is unseen is not approved."""
    fence = "`" * max(3, _longest_run_of_backticks(text) + 1)
    shown = "\n".join(_broken(line) for line in visible(text).split("\n"))
    return f"\n{fence}text\n{shown}\n{fence}\n"


def _broken(line: str) -> str:
    return "\n⤷ ".join(line[start : start + WIDTH] for start in range(0, max(len(line), 1), WIDTH))


def _longest_run_of_backticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
