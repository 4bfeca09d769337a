"""Slack: what can be clicked on a question, and what does a click carry? The question, and the call that was shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal
from urllib.parse import quote

from midwatch.ledger import AskRow
from midwatch.request import Question
from tasks.slack.pieces import Sight, sight
from tasks.slack.rich import Part, plain

Deciding = Literal["deny_because", "edit", "answer", "whole", "take_over", "always", "sign"]
"""A form that decides when it is sent; `sign` is the second page of a mandate."""
Form = Literal[Deciding, "mandate"]
Act = Literal["approve", "deny", "deny_because", "edit", "answer", "whole", "take_over", "always", "mandate", "halt"]
"""What a button or an entry of the menu asks for; all but the first two and `halt` open a form."""

MENU: Final = "more"
"""The menu beside the buttons. What is clicked on carries only its name, and its block says which question it is about."""
WHOLE: Final = 30_000
"""Characters of one question that a form of Slack's is trusted to show."""
PIECES: Final = 40
"""Of one question in a form."""
VALUE: Final = 2_000
"""Characters that a button can carry."""
BLOCK: Final = 255
"""Characters of a block's id; where that is too short, each button carries it all, and there is no menu."""

MENU_TEXTS: Final[Mapping[Act, str]] = {
    "always": "Yes, and propose a rule…",
    "mandate": "Yes, and the next ones…",
    "take_over": "Take the run over…",
    "halt": "Halt this agent, now",
}


def value(row: AskRow) -> str:
    """Which question a click is about, and which call its reader saw."""
    return f"{row.digest} {quote(row.ask_id, safe=':')}"


def can_be_whole(one: Question) -> bool:
    """One form of Slack's can show all of it."""
    return not sight(one.pieces, WHOLE).hidden and len(one.pieces) <= PIECES


def actions(one: Question, seen: Sight) -> list[Part]:
    """The block under a question of which `seen` is shown; none where nothing can be clicked."""
    if one.ask.kind == "settle" or len(value(one.ask)) > VALUE:
        return []
    whole, target = can_be_whole(one), value(one.ask)
    buttons = [_button(*said) for said in _buttons(one, seen, whole=whole)]
    if len(target) > BLOCK:
        return [{"type": "actions", "elements": [{**button, "value": target} for button in buttons]}]
    wider: list[Act] = ["always", "mandate"] if one.ask.kind == "approve" and whole else []
    return [{"type": "actions", "block_id": target, "elements": [*buttons, _menu([*wider, "take_over", "halt"])]}]


def _buttons(one: Question, seen: Sight, *, whole: bool) -> list[tuple[Act, str, str]]:
    kind, acts = one.ask.kind, list[tuple[Act, str, str]]()
    if seen.hidden and whole:
        acts.append(("whole", "Show whole…", ""))
    if kind == "answer" and whole:
        acts.append(("answer", "Answer…", "primary"))
    if kind in ("approve", "park") and not seen.hidden:
        acts.append(("approve", "Approve", "primary"))
    acts += [("deny", "Deny", "danger"), ("deny_because", "Deny, and say why…", "")]
    if kind == "approve" and not seen.hidden:
        acts.append(("edit", "Edit…", ""))
    return acts


def _button(act: Act, label: str, style: str) -> Part:
    styled = {"style": style} if style else {}
    return {"type": "button", "action_id": act, "text": plain(label), **styled}


def _menu(entries: list[Act]) -> Part:
    options = [{"text": plain(MENU_TEXTS[act]), "value": act} for act in entries]
    return {"type": "overflow", "action_id": MENU, "options": options}
