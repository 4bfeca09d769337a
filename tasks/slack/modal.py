"""Slack: which form does a button open, and what does it say when it is sent?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final, assert_never

from midwatch.calls import visible
from midwatch.ledger import AskRow
from midwatch.mandate import LENGTH, MOST_USES, USES
from midwatch.policy.offers import Bounds
from midwatch.request import Question
from midwatch.run_ids import short
from midwatch.until import moment_of
from tasks.permissions.edit_fields import FieldFault
from tasks.permissions.form import Answer
from tasks.slack.buttons import WHOLE, Deciding, Form, value
from tasks.slack.fields import OPTION, choice, edit_blocks, edited, field, number, typed
from tasks.slack.message import heading
from tasks.slack.pieces import elements_of, sight
from tasks.slack.rich import Part, block, fixed, line, plain, says

RUNS: Final = "Exactly what stands here when you send it runs, once, if the rules let it."
TAKES_OVER: Final = (
    "The run ends here, as blocked, and you go on with its work: nothing that it still asks for is done, and the agent "
    "does nothing more. What it has done so far stays done: `midwatch show {run}` lists it, and how to take it back."
)
PROPOSES: Final = (
    "Exactly this runs, once. The narrowest rule that would have allowed it is written down as a proposal, and you are "
    "shown it. Nothing is in force until somebody accepts it: `midwatch rules proposals`."
)
OFFERS: Final = "You see what would be allowed, in words, before anything is decided or signed."
SIGNS: Final = (
    "Exactly this runs now, and what stands above runs without asking. What a rule denies stays denied, and the use "
    "after the last is asked about again. `midwatch mandate revoke` ends it at any time."
)


def form(kind: Form, one: Question) -> Part | None:
    """The view that `views.open` takes; None where Slack's fields cannot hold it."""
    match kind:
        case "deny_because":
            return _view(kind, one, "Deny", [field("reason", "Why? The agent is told", optional=True)])
        case "take_over":
            says_so = _words(TAKES_OVER.format(run=short(one.ask.run_id)))
            return _view(kind, one, "Take it over", [says_so, field("reason", "Why? It stays on file", optional=True)])
        case "whole":
            return _view(kind, one, "Approve", [_all_of(one)])
        case "answer":
            return _view(kind, one, "Answer", [_all_of(one), *_answer_fields(one.ask)])
        case "edit":
            fields = edit_blocks(one)
            return None if fields is None else _view(kind, one, "Run it so", [_words(RUNS), *fields])
        case "always":
            return _view(kind, one, "Yes, and propose it", [_all_of(one), _words(PROPOSES)])
        case "mandate":
            return _view(kind, one, "Show me", [_all_of(one), _words(OFFERS), *_bounds_fields()])
        case "sign":
            return None
        case unknown:
            assert_never(unknown)


def signing(one: Question, words: tuple[str, ...], token: str) -> Part | None:
    """The second page: what would be allowed, before it is signed; None where Slack cannot show all of it."""
    text = "\n".join(words)
    if len(visible(text)) > WHOLE:
        return None
    parts = [block(fixed(text)), _words(SIGNS), field("reason", "Why? It stays on file", optional=True)]
    return _view("sign", one, "Approve and sign", parts, token)


def told(text: str) -> Part:
    """A view that only says something."""
    return {"type": "modal", "title": plain("Midwatch"), "close": plain("Close"), "blocks": [_words(text)]}


def _view(kind: Form, one: Question, submit: str, parts: list[Part], token: str = "") -> Part:
    named = {"callback_id": kind, "private_metadata": f"{value(one.ask)} {token}".strip()}
    labels = {"title": plain("Midwatch"), "submit": plain(submit), "close": plain("Back")}
    return {"type": "modal", **named, **labels, "blocks": [block(*heading(one, several=True)), *parts]}


def _words(text: str) -> Part:
    return block(line(says(text)))


def _all_of(one: Question) -> Part:
    return block(*(part for piece in sight(one.pieces, WHOLE).pieces for part in elements_of(piece)))


def _answer_fields(row: AskRow) -> list[Part]:
    options = _options(row)
    chosen = [choice("option", "Choose", options, optional=True)] if options else []
    return [*chosen, field("answer", "Or say it yourself" if options else "Your answer", optional=bool(options))]


def _options(row: AskRow) -> list[str]:
    """The choices of a question, where Slack can show them all as they are."""
    options = json.loads(row.args_json).get("options")
    if not isinstance(options, list) or not 1 <= len(options) <= 10:
        return []
    whole = all(isinstance(text, str) and text.strip() and len(visible(text)) <= OPTION for text in options)
    return options if whole else []


def _bounds_fields() -> list[Part]:
    return [
        number("uses", "How many such calls, this one not counted", str(USES), whole=True),
        field("until", "Until when? friday, 2026-11-27, 48h or 7d", f"{LENGTH.days}d", lines=False),
    ]


def said(kind: Deciding, state: Mapping[str, Any], one: Question) -> Answer:
    """What a form that was sent says; `state` is `view.state.values`.

    Raises:
        FieldFault: a field holds what it cannot.
    """
    ask_id = one.ask.ask_id
    match kind:
        case "deny_because":
            return Answer(ask_id=ask_id, verdict="denied", reason=typed(state, "reason"))
        case "take_over":
            return Answer(ask_id=ask_id, verdict="taken_over", reason=typed(state, "reason"))
        case "sign":
            return Answer(ask_id=ask_id, verdict="approved", reason=typed(state, "reason"))
        case "whole" | "always":
            return Answer(ask_id=ask_id, verdict="approved")
        case "answer":
            return Answer(ask_id=ask_id, verdict="answered", answer=_answer(state, one.ask))
        case "edit":
            return Answer(ask_id=ask_id, verdict="edited", edited_args_json=edited(state, one))
        case unknown:
            assert_never(unknown)


def bounds(state: Mapping[str, Any]) -> Bounds:
    """How many and until when, of a mandate that somebody wants to see.

    Raises:
        FieldFault: it is no number, or no moment.
    """
    uses = typed(state, "uses")
    if not uses.isdecimal() or not 1 <= int(uses) <= MOST_USES:
        raise FieldFault("uses", f"A whole number from 1 to {MOST_USES}.")
    try:
        return Bounds(uses=int(uses), until=moment_of(typed(state, "until"), datetime.now().astimezone()))
    except (ValueError, OverflowError) as error:
        raise FieldFault("until", str(error)) from error


def _answer(state: Mapping[str, Any], row: AskRow) -> str:
    if text := typed(state, "answer").strip():
        return text
    options, chosen = _options(row), typed(state, "option")
    if not chosen.isdecimal() or int(chosen) >= len(options):
        raise FieldFault("answer", "Say something, or choose one.")
    return options[int(chosen)]
