"""Slack: what does the message of one round of a run look like? All its questions, each with its buttons or its decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import quote

from midwatch.ledger import AskRow
from tasks.slack.pieces import Sight, elements_of, pieces_of, sight
from tasks.slack.rich import Part, block, fallback, line, plain, says

Act = Literal["approve", "deny", "deny_because", "edit", "answer", "whole"]
"""What a button asks for; all but the first two open a form."""

MESSAGE: Final = 10_000
"""Characters of a message's blocks as JSON; Slack refuses somewhere above 11,000 and does not say where."""
ROOMS: Final = (1_500, 600, 200, 60)
"""Characters of each question that are shown, the most that fits."""
WHOLE: Final = 30_000
"""Characters of one question that a form of Slack's is trusted to show."""
VALUE: Final = 2_000
"""Characters that a button can carry."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question, with its number in its run."""

    number: int
    row: AskRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one message asks for."""

    run_id: str
    agent: str
    asks: tuple[Asked, ...]
    cost: str
    """Of the run so far."""

    @property
    def waits(self) -> int:
        return sum(one.row.verdict is None for one in self.asks)


def notice(request: Request) -> str:
    """The line of the notification; nothing in it comes from the agent but its name."""
    waits = request.waits
    return fallback(
        f"{request.agent} needs your decision: {waits} {'question' if waits == 1 else 'questions'}"
        if waits
        else f"{request.agent}: decided"
    )


def blocks(request: Request) -> list[Part]:
    """The whole message. Where not all fits, what is left out is counted, and cannot be approved unseen."""
    for room in ROOMS:
        if _fits(found := _blocks(request, request.asks, room)):
            return found
    first = sorted(request.asks, key=lambda one: one.row.verdict is not None)
    for count in range(min(len(first), 24), 0, -1):
        chosen = sorted(first[:count], key=lambda one: one.number)
        if _fits(found := _blocks(request, chosen, ROOMS[-1])):
            return found
    return _blocks(request, (), 0)


def _fits(found: Sequence[Part]) -> bool:
    return len(found) <= 50 and len(json.dumps(found)) <= MESSAGE


def _blocks(request: Request, asks: Sequence[Asked], room: int) -> list[Part]:
    head = line(says(request.agent, bold=True), says(" needs your decision" if request.waits else " · decided"))
    shown = [part for one in asks for part in (_open(one, room) if one.row.verdict is None else [_decided(one)])]
    return [block(head), *shown, block(line(says(_foot(request, len(asks)))))]


def _foot(request: Request, shown: int) -> str:
    run = request.run_id[:8]
    left = len(request.asks) - shown
    more = f"{left} more of this run do not fit here: `midwatch show {run}`. " if left else ""
    waiting = {one.row.kind for one in request.asks if one.row.verdict is None}
    means = "On yes exactly this runs, once. On no it is not done, and the agent is told your reason. "
    goes_on = "On yes the run goes on where it stands; on no it ends as failed. "
    silence = "Silence, at the deadline, is a no. "
    then = "".join(
        text
        for text, said in (
            (means, "approve" in waiting),
            (goes_on, "park" in waiting),
            (silence, bool(waiting - {"settle"})),
        )
        if said
    )
    return f"{more}{then}Run {run}, so far {request.cost}."


def _open(one: Asked, room: int) -> list[Part]:
    seen = sight(pieces_of(one.row), room)
    return [
        block(*heading(one), *(part for piece in seen.pieces for part in elements_of(piece)), *_rest(one, seen))
    ] + ([{"type": "actions", "elements": buttons}] if (buttons := _buttons(one, seen)) else [])


def heading(one: Asked) -> list[Part]:
    """Which question, and until when."""
    deadline = f" · until {one.row.deadline:%Y-%m-%d %H:%M} UTC" if one.row.deadline else ""
    asks = " · did this happen? Nobody saw its end" if one.row.kind == "settle" else ""
    return [line(says(f"{one.number} · {one.row.tool}", bold=True), says(asks + deadline))]


def _rest(one: Asked, seen: Sight) -> list[Part]:
    """What is not seen, and where it is."""
    run, number, texts = one.row.run_id[:8], one.number, []
    if seen.hidden:
        texts.append(
            f"{seen.hidden:,} of {seen.total:,} characters are not shown here, so there is no yes here. "
            f"All of it: {'Show whole, or ' if can_be_whole(one.row) else ''}`midwatch show {run}`"
        )
    if one.row.kind == "settle":
        texts.append(f'Look, then say so: `midwatch settle {run} {number} happened|not --because "..."`')
    elif len(value(one.row)) > VALUE:
        texts.append(f"Too long a name for Slack's buttons: `midwatch show {run}`")
    return [line(says(text, bold=True)) for text in texts]


def can_be_whole(row: AskRow) -> bool:
    """One form of Slack's can show all of it."""
    return not sight(pieces_of(row), WHOLE).hidden and len(pieces_of(row)) <= 40


def _buttons(one: Asked, seen: Sight) -> list[Part]:
    row, acts = one.row, list[tuple[Act, str, str]]()
    if row.kind == "settle" or len(value(row)) > VALUE:
        return []
    if seen.hidden and can_be_whole(row):
        acts.append(("whole", "Show whole…", ""))
    if row.kind == "answer" and can_be_whole(row):
        acts.append(("answer", "Answer…", "primary"))
    if row.kind in ("approve", "park") and not seen.hidden:
        acts.append(("approve", "Approve", "primary"))
    acts.append(("deny", "Deny", "danger"))
    acts.append(("deny_because", "Deny, and say why…", ""))
    if row.kind == "approve":
        acts.append(("edit", "Edit…", ""))
    return [_button(act, label, style, row) for act, label, style in acts]


def _button(act: Act, label: str, style: str, row: AskRow) -> Part:
    styled = {"style": style} if style else {}
    return {"type": "button", "action_id": act, "text": plain(label), "value": value(row), **styled}


def value(row: AskRow) -> str:
    """Which question a click is about, and which call its reader saw."""
    return f"{row.digest} {quote(row.ask_id, safe=':')}"


def _decided(one: Asked) -> Part:
    return block(line(says(f"{one.number} · {one.row.tool}", bold=True), says(f" · {standing(one.row)}")))


def standing(row: AskRow) -> str:
    """What stands: who decided what, where, when and why."""
    when = f" at {row.decided_at:%Y-%m-%d %H:%M} UTC" if row.decided_at else ""
    said = [("because", row.decided_because, 200), ("with", row.edited_args_json, 400), ("answer", row.answer, 400)]
    what = "".join(f"; {label}: {_short(text, most)}" for label, text, most in said if text)
    return f"{(row.verdict or '').replace('_', ' ')} by {row.by} through {row.via}{when}{what}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} (and {len(text) - most:,} more characters)"
