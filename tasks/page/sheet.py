"""The page: what is shown? Requests, fields and decisions as HTML that needs no JavaScript and fetches nothing.

Every text goes through `visible` and is escaped, whoever wrote it; only what was made as `Markup` here is not.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from midwatch.calls import visible
from midwatch.ledger import AskRow
from midwatch.mandate import USES
from midwatch.policy.offers import Offer
from midwatch.request import Piece, Question, Request
from midwatch.run_ids import short
from tasks.page import words
from tasks.page.ahead import DEFAULT_UNTIL
from tasks.page.fields import Field, fields_of
from tasks.page.meaning import ACTS, Form, options_of

HERE: Final = Path(__file__).parent
LONG: Final = 24
"""Lines, as a phone breaks them, beyond which a text scrolls in a box of its own."""
ACROSS: Final = 40
"""Characters that a phone's line takes."""
ONE_BY_ONE: Final = 5_000
"""Lines that are a box each, so that a broken one is indented; of more a phone's browser makes one."""
PLAIN: Final = ("span", "")
MARKS: Final = {"+": ("ins", ""), "-": ("del", ""), "@": ("span", ' class="hunk"')}
"""With what a line of a diff is marked, by its first character: element and attribute."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What every page is given."""

    path: str
    """Where its forms are sent."""
    form: str
    """The form's token; "" where nothing can be sent."""
    by: str
    """In whose name is decided."""
    login: bool
    """Somebody gave the password; else a link was followed."""
    now: datetime
    logout: str = ""
    """The token of the button that ends the login."""
    onward: str = ""
    """Where a login leads; "" for the inbox."""
    typed: Form = field(default_factory=dict)
    faults: Mapping[str, str] = field(default_factory=dict)
    notes: Sequence[str] = ()
    """What came of what was sent."""
    runs: Mapping[str, str] = field(default_factory=dict)
    """By run, its page in Prefect's UI."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A question, ready to be written down."""

    place: int
    question: Question
    open: bool
    options: tuple[str, ...]
    login: bool

    @property
    def acts(self) -> list[tuple[str, str]]:
        """What can be answered; a link decides its question, and nothing for the next time."""
        kind = self.question.ask.kind
        return [(act, words.BUTTONS[kind, act]) for act in ACTS[kind] if self.login or act != "always"]


def request_page(request: Request, page: Page) -> str:
    """The request whole, with its answers."""
    shown = _shown(request, page)
    return written(
        "request.html",
        page,
        title=words.title(request.agent, request.questions),
        request=request,
        questions=shown,
        waiting=[one for one in shown if one.open],
        several=len(shown) > 1,
        whole_runs=len(request.run_ids) == 1 and any(one.question.ask.kind != "settle" for one in shown if one.open),
    )


def edit_page(request: Request, page: Page) -> str:
    """One question with a field for each argument."""
    (shown,) = _shown(request, page)
    fields = fields_of(shown.question.ask)
    heading = f"{request.agent}: edit {shown.question.ask.tool}"
    return written("edit.html", page, title=heading, request=request, one=shown, fields=fields)


def ahead_page(request: Request, page: Page, offer: Offer | None = None, token: str = "") -> str:
    """One question, and a mandate for the next calls like it: its bounds, and then, before it is signed, its words."""
    (shown,) = _shown(request, page)
    heading = f"{request.agent}: {shown.question.ask.tool}, and the next ones like it"
    return written("ahead.html", page, title=heading, request=request, one=shown, offer=offer, token=token)


def inbox_page(requests: Sequence[Sequence[AskRow]], page: Page) -> str:
    """All that waits, in this order; a request is its questions."""
    count = len(requests)
    said = "Nothing waits for you" if not count else f"{count} request{'s' if count > 1 else ''} for you"
    return written("inbox.html", page, title=said, requests=requests)


def login_page(page: Page) -> str:
    return written("login.html", page, title="Log in")


def digest_page(article: str, page: Page) -> str:
    """The digest, which is HTML already, with every foreign word escaped."""
    return written("digest.html", page, title="Digest", article=Markup(article))


def told_page(title: str, text: str, page: Page) -> str:
    """A page that only says something."""
    return written("told.html", page, title=title, text=text)


def _shown(request: Request, page: Page) -> list[Shown]:
    return [
        Shown(
            place=place,
            question=question,
            open=question.ask.verdict is None and (question.ask.deadline is None or page.now < question.ask.deadline),
            options=options_of(question.ask) if question.ask.kind == "answer" else (),
            login=page.login,
        )
        for place, question in enumerate(request.questions)
    ]


def marked(piece: Piece) -> Markup:
    """The text of a piece, line by line; what a diff adds and takes away is marked."""
    text = str(escape(visible(piece.text)))
    if piece.form == "diff":
        return Markup("".join(_line(line, *MARKS.get(line[:1], PLAIN)) for line in text.split("\n")))
    if text.count("\n") > ONE_BY_ONE:
        return Markup(_line(text, *PLAIN))
    return Markup("".join(_line(line, *PLAIN) for line in text.split("\n")))


def _line(text: str, tag: str, kind: str) -> str:
    return f"<{tag}{kind}>{text}\n</{tag}>"


def count(piece: Piece) -> int:
    """Its lines."""
    return piece.text.count("\n") + 1


def is_long(piece: Piece) -> bool:
    most = LONG * ACROSS
    return len(piece.text) > most or sum(1 + len(line) // ACROSS for line in visible(piece.text).split("\n")) > LONG


def is_short(piece: Piece) -> bool:
    """Name and value stand beside each other in one line."""
    if len(piece.text) > ACROSS or "\n" in piece.text:
        return False
    return len(visible(piece.label)) + len(visible(piece.text)) <= ACROSS - 10


def _value(page: Page, name: str, default: str) -> Markup:
    """What stands in a field, letter for letter: what was typed, else the default."""
    return escape(page.typed.get(name, default))


def _ticked(page: Page, one: Field) -> bool:
    return page.typed.get(one.name, one.value) == "true"


def written(template: str, page: Page, **facts: Any) -> str:
    """The page that a template makes of these facts."""
    return _environment().get_template(template).render(page=page, style=Markup(style()), **facts)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=lambda value: visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value,
    )
    environment.globals |= {
        "words": words,
        "USES": str(USES),
        "UNTIL": DEFAULT_UNTIL,
        "value": _value,
        "ticked": _ticked,
    }
    environment.filters["short"] = short
    environment.globals |= {"marked": marked, "count": count, "is_long": is_long, "is_short": is_short}
    return environment


@cache
def style() -> str:
    return (HERE / "style.css").read_text(encoding="utf-8")


@cache
def style_source() -> str:
    """The one style that a page may have, as its Content-Security-Policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()}'"
