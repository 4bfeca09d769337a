"""Slack: what does the message of one request look like? All its questions, each with its buttons or its decision."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from midwatch.ledger import AskRow
from midwatch.request import Consequences, Question, Request
from midwatch.reviewer import lesson
from midwatch.run_ids import short
from tasks.slack.buttons import VALUE, actions, can_be_whole, value
from tasks.slack.pieces import Sight, elements_of, sight
from tasks.slack.rich import Part, block, fallback, line, says

MESSAGE: Final = 10_000
"""Characters of a message's blocks as JSON; Slack refuses somewhere above 11,000 and does not say where."""
ROOMS: Final = (1_500, 600)
"""Characters of each question that are shown, the most with which all fit; else the second, of as many as fit."""
LEAST: Final = 60
"""Where not even one fits."""
MOST: Final = 12
"""Questions that a message is tried with; each has a thousand characters of buttons while it waits."""
PURPOSE: Final = 200
"""Characters of what the agent is for."""


def notice(request: Request, waits: int) -> str:
    """The line of the notification; nothing in it comes from the agent but its name."""
    return fallback(
        f"{request.agent} needs your decision: {waits} {'question' if waits == 1 else 'questions'}"
        if waits
        else f"{request.agent}: decided"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """Questions of a message that it does not show."""

    waiting: int = 0
    decided: int = 0


def blocks(request: Request, besides: Left = Left()) -> list[Part]:
    """The whole message. Where not all fits, what is left out is counted, and cannot be approved unseen.

    Args:
        besides: what belongs to the message, and is not in `request`.
    """
    all_of = request.questions
    for room in ROOMS if len(all_of) <= MOST else ():  # more never fit
        if _fits(found := _blocks(request, all_of, room, besides)):
            return found
    first = sorted(all_of, key=lambda one: one.ask.verdict is not None)
    for count, room in [*((count, ROOMS[-1]) for count in range(min(len(first), MOST), 0, -1)), (1, LEAST), (0, 0)]:
        chosen = {one.ask.ask_id for one in first[:count]}
        shown = [one for one in all_of if one.ask.ask_id in chosen]
        if _fits(found := _blocks(request, shown, room, _left(first[count:], besides))):
            return found
    raise AssertionError("a message without questions always fits")


def _left(out: Sequence[Question], besides: Left) -> Left:
    waiting = sum(one.ask.verdict is None for one in out)
    return Left(waiting=besides.waiting + waiting, decided=besides.decided + len(out) - waiting)


def _fits(found: Sequence[Part]) -> bool:
    return len(found) <= 50 and len(json.dumps(found)) <= MESSAGE


def _blocks(request: Request, questions: Sequence[Question], room: int, left: Left) -> list[Part]:
    head = line(says(request.agent, bold=True), says(" needs your decision" if request.waiting else " · decided"))
    purpose = [line(says(_short(request.purpose, PURPOSE)))] if request.purpose and request.waiting else []
    several = len(request.run_ids) > 1
    shown = [part for one in questions for part in _one(one, room, several=several)]
    return [block(head, *purpose), *shown, block(line(says(_foot(request, left))))]


def _one(one: Question, room: int, *, several: bool) -> list[Part]:
    return _open(one, room, several=several) if one.ask.verdict is None else [_decided(one, several=several)]


def _foot(request: Request, left: Left) -> str:
    runs = request.run_ids
    whose, where = (
        (f"Run {short(runs[0])}", f"show {short(runs[0])}") if len(runs) == 1 else (f"{len(runs)} runs", "inbox")
    )
    wait = f"{left.waiting} more do not fit here, and come up as these are decided: `midwatch {where}`. "
    done = f"{left.decided} more are decided. "
    return f"{wait if left.waiting else ''}{done if left.decided else ''}{_either_way(request)}{whose}, so far {request.cost}."


def _either_way(request: Request) -> str:
    """What happens on yes, on no and on silence; of which questions, where it is not the same for all."""
    ways: dict[Consequences, list[str]] = {}
    for one in request.waiting:
        if one.ask.kind != "settle":
            ways.setdefault(one.consequences, []).append(str(one.number))
    return "".join(
        f"{_on(numbers, alone=len(ways) == 1)} yes {way.yes}; on no {way.no}; on silence, at the deadline, {way.silence}. "
        for way, numbers in ways.items()
    )


def _on(numbers: Sequence[str], *, alone: bool) -> str:
    return "On" if alone else f"{', '.join(numbers)}: on"


def _open(one: Question, room: int, *, several: bool) -> list[Part]:
    seen = sight(one.pieces, room)
    shown = [part for piece in seen.pieces for part in elements_of(piece)]
    return [block(*heading(one, several=several), *shown, *_rest(one, seen)), *actions(one, seen)]


def heading(one: Question, *, several: bool = False) -> list[Part]:
    """Which question, and until when; of which run, where the message has several."""
    deadline = f" · until {one.ask.deadline:%Y-%m-%d %H:%M} UTC" if one.ask.deadline else ""
    asks = " · did this happen? Nobody saw its end" if one.ask.kind == "settle" else ""
    return [line(says(f"{one.number} · {one.ask.tool}", bold=True), says(_run(one, several=several) + asks + deadline))]


def _run(one: Question, *, several: bool) -> str:
    return f" · run {short(one.ask.run_id)}" if several else ""


def _rest(one: Question, seen: Sight) -> list[Part]:
    """What is not seen, and where it is."""
    run, number, texts = short(one.ask.run_id), one.number, []
    if seen.hidden:
        texts.append(
            f"{seen.hidden:,} of {seen.total:,} characters are not shown here, so there is no yes here. "
            f"All of it: {'Show whole, or ' if can_be_whole(one) else ''}`midwatch show {run}`"
        )
    if one.ask.kind == "settle":
        undo = f"To take it back: {one.undo}. " if one.undo else ""
        texts.append(f'{undo}Look, then say so: `midwatch settle {run} {number} happened|not --because "..."`')
    elif len(value(one.ask)) > VALUE:
        texts.append(f"Too long a name for Slack's buttons: `midwatch show {run}`")
    return [line(says(text, bold=True)) for text in texts]


def _decided(one: Question, *, several: bool) -> Part:
    said = f"{_run(one, several=several)} · {standing(one.ask)}"
    test = [line(says(text))] if (text := lesson(one.ask)) else []
    return block(line(says(f"{one.number} · {one.ask.tool}", bold=True), says(said)), *test)


def standing(row: AskRow) -> str:
    """What stands: who decided what, where, when and why."""
    when = f" at {row.decided_at:%Y-%m-%d %H:%M} UTC" if row.decided_at else ""
    said = [("because", row.decided_because, 200), ("with", row.edited_args_json, 400), ("answer", row.answer, 400)]
    what = "".join(f"; {label}: {_short(text, most)}" for label, text, most in said if text)
    return f"{(row.verdict or '').replace('_', ' ')} by {row.by} through {row.via}{when}{what}"


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} (and {len(text) - most:,} more characters)"
