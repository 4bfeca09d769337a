"""The page: what did one run do, step by step? A page of it at a time; Midwatch's words, the agent's and a tool's told apart.

Plain text is Midwatch's. What a model said is quoted; what a tool was given or gave back is set as code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, assert_never
from zoneinfo import ZoneInfo

from midwatch.budget import Spent
from midwatch.decision import Verdict
from midwatch.digest.lines import Foreign
from midwatch.ledger import AskRow, EffectState, RunRow
from midwatch.ledger.stories import Extract, StoryPage, Told, ToldDecision, ToldEffect, ToldStep
from midwatch.night import ends_on
from midwatch.request import Piece, numbered, readable
from midwatch.reviewer import undisclosed
from midwatch.timeline import GLYPHS, WORDS
from tasks.page.night import look_of
from tasks.page.sheet import Page, written

STEPS: Final = 50
"""On one page."""
QUESTIONS: Final = 50
"""On the first page."""
LONGEST: Final = 4_000
"""Characters of one text that are shown; what is left out is counted, and in the ledger."""
FOLDED: Final = 200
"""Characters from which a text is folded."""
RULED: Final[dict[Verdict, str]] = {"allow": "The rules let it", "ask": "The rules ask about", "deny": "The rules deny"}
BECAME: Final[dict[EffectState, str]] = {
    "reserved": "it has begun, and nobody has seen its end yet",
    "consumed": "it took effect",
    "released": "nothing happened",
    "unknown": "nobody knows whether it happened",
}
COUNTED: Final[dict[EffectState, str]] = {
    "consumed": "took effect",
    "reserved": "under way, the end not seen yet",
    "released": "did not happen",
    "unknown": "in doubt: nobody knows whether it happened",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """A text, with whose it is."""

    piece: Piece
    left: int = 0
    """Characters that are not shown."""

    @property
    def folded(self) -> bool:
        return len(self.piece.text) + self.left > FOLDED


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that the run did, or that was done about it."""

    number: int
    at: str
    parts: tuple[str | Foreign, ...]
    cost: str = ""
    became: str = ""
    """Of an effect."""
    folds: tuple[Fold, ...] = ()
    bad: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """Where in a long story one is."""

    here: int
    last: int

    @property
    def links(self) -> list[tuple[str, int]]:
        """By their names, from the first page to the last."""
        ways = [("First", 1), ("Earlier", self.here - 1), ("Later", self.here + 1), ("Last", self.last)]
        return [(name, number) for name, number in ways if 1 <= number <= self.last and number != self.here]


def pages_of(all_told: int, here: int) -> Pages | None:
    """None where there is no such page."""
    last = max(-(-all_told // STEPS), 1)
    return Pages(here=here, last=last) if 1 <= here <= last else None


def story_page(
    run: RunRow,
    story: StoryPage,
    asks: Sequence[AskRow],
    spent: Spent,
    page: Page,
    *,
    pages: Pages,
    zone: ZoneInfo,
    labels: frozenset[str] = frozenset(),
) -> str:
    """The whole page; what was asked and found, and what is in doubt, stands on the first one."""
    look = look_of(run, any(ask.verdict is None and ask.kind != "settle" for ask in asks))
    questions = numbered([undisclosed(ask) for ask in asks])
    return written(
        "story.html",
        page,
        title=f"{Foreign(text=run.agent, at_most=60).line}: {WORDS[look]}",
        run=run,
        look=look,
        glyph=GLYPHS[look],
        spent=spent.said() + f", {spent.minutes:.1f} minutes at work",
        began=_moment(run.started_at, zone),
        ended=_moment(run.finished_at, zone) if run.finished_at else "",
        night=ends_on(run.started_at, zone),
        labels=sorted(labels),
        given=_arguments(Extract(text=text, length=len(text))) if (text := _given(run)) else (),
        waiting=[one for one in questions if one.ask.verdict is None],
        answered=[one for one in questions if one.ask.verdict is not None][:QUESTIONS],
        unlisted=max(sum(one.ask.verdict is not None for one in questions) - QUESTIONS, 0),
        doubts=[_doubt(one, zone) for one in story.doubts],
        effects=[f"{story.effects[state]:,} {said}" for state, said in COUNTED.items() if state in story.effects],
        entries=[_entry(one, number, run, zone) for number, one in enumerate(story.told, start=story.first + 1)],
        all=story.all,
        pages=pages,
        findings=sorted(run.findings, key=lambda one: one.held),
    )


def _given(run: RunRow) -> str:
    return json.dumps(dict(run.input)) if run.input else ""


def _entry(one: Told, number: int, run: RunRow, zone: ZoneInfo) -> Entry:
    at = _clock(one.at, run, zone)
    match one:
        case ToldDecision():
            return _decision(one, number, at)
        case ToldStep():
            return _step(one, number, at)
        case _:
            assert_never(one)


def _decision(one: ToldDecision, number: int, at: str) -> Entry:
    rule: tuple[str | Foreign, ...] = (" (rule ", Foreign(text=one.rule), ")") if one.rule else ()
    why = Fold(piece=Piece(label="Why", text=one.reason, form="quote"))
    return Entry(
        number=number,
        at=at,
        parts=(f"{RULED[one.verdict]}: ", Foreign(text=one.tool), *rule),
        folds=((why,) if one.reason else ()) + (_arguments(one.args) if one.verdict != "allow" else ()),
        bad=one.verdict == "deny",
    )


def _step(one: ToldStep, number: int, at: str) -> Entry:
    cost = _cost(one)
    match one.kind:
        case "model":
            parts: tuple[str | Foreign, ...] = ("It asked the model ", Foreign(text=one.name))
            return Entry(number=number, at=at, parts=parts, cost=cost, folds=tuple(_said(one.result)))
        case "tool":
            return _call(one, number, at, cost)
        case "permissions" | "trigger" | "monitoring" | "harness" | "person":
            detail = (_text("Detail", one.detail),) if one.detail.text else ()
            said = ("Midwatch: ", Foreign(text=one.name.removeprefix(f"{one.kind} · ")))
            return Entry(number=number, at=at, parts=said, cost=cost, folds=detail)
        case _:
            assert_never(one.kind)


def _call(one: ToldStep, number: int, at: str, cost: str) -> Entry:
    effect = one.effect
    undo = effect.undo if effect else ""
    given = _arguments(one.detail)
    back = (_text("What came back", one.result),) if one.result else ()
    way = (_text("How to take it back", Extract(text=undo, length=len(undo))),) if undo else ()
    became = BECAME[effect.state] if effect else ""
    bad = effect is not None and effect.state == "unknown"
    return Entry(
        number=number,
        at=at,
        parts=("It called ", Foreign(text=one.name)),
        cost=cost,
        became=became,
        folds=(*given, *back, *way),
        bad=bad,
    )


def _doubt(one: ToldEffect, zone: ZoneInfo) -> Entry:
    why = (_text("Why", Extract(text=one.why, length=len(one.why))),) if one.why else ()
    return Entry(
        number=0,
        at=_moment(one.reserved_at, zone),
        parts=(Foreign(text=one.tool), f": {BECAME[one.state]}"),
        folds=(*_arguments(one.args), *why),
        bad=one.state == "unknown",
    )


def _cost(one: ToldStep) -> str:
    usd = "" if one.usd == 0 else f", {one.usd:.4f} US dollars" if one.usd is not None else ", nobody knows its price"
    tokens = f", {one.tokens:,} tokens" if one.tokens else ""
    return f"{one.seconds:.1f} s{tokens}{usd}"


def _said(result: Extract | None) -> Iterator[Fold]:
    """The words of a model, and the calls that it wanted; nothing of what cannot be read."""
    words, calls = [], []
    for part in _parts(result):
        match part.get("part_kind"):
            case "text" | "thinking":
                words.append(str(part.get("content", "")))
            case "tool-call":
                calls.append(f"{part.get('tool_name', '')} {_line(part.get('args'))}")
    if text := "\n\n".join(word for word in words if word.strip()):
        yield _quoted("The agent's own words", text)
    if calls:
        yield _quoted("Calls that it wants", "\n".join(calls))
    if result is not None and result.left:
        yield _text("Its answer is too long to be looked into; it begins with", result)


def _parts(result: Extract | None) -> list[Mapping[str, Any]]:
    try:
        told = json.loads(result.text)["response"]["parts"] if result else []
    except (ValueError, TypeError, KeyError, RecursionError):
        return []
    return [part for part in told if isinstance(part, dict)] if isinstance(told, list) else []


def _line(args: object) -> str:
    return args if isinstance(args, str) else json.dumps(args, ensure_ascii=False)


def _arguments(args: Extract) -> tuple[Fold, ...]:
    """One for each argument; where they are too long or no object, all as they stand."""
    try:
        told = json.loads(args.text) if not args.left else None
    except (ValueError, RecursionError):
        told = None
    if not isinstance(told, dict):
        return (_text("With", args),) if args.text else ()
    return tuple(_argument(name, value) for name, value in told.items())


def _argument(name: str, value: Any) -> Fold:
    text = readable(value)
    return Fold(piece=Piece(label=readable(name), text=text[:LONGEST], form="argument"), left=_beyond(text))


def _text(label: str, text: Extract) -> Fold:
    left = text.length - len(text.text[:LONGEST])
    return Fold(piece=Piece(label=label, text=text.text[:LONGEST], form="lines"), left=left)


def _quoted(label: str, text: str) -> Fold:
    return Fold(piece=Piece(label=label, text=text[:LONGEST], form="quote"), left=_beyond(text))


def _beyond(text: str) -> int:
    return max(len(text) - LONGEST, 0)


def _clock(at: datetime, run: RunRow, zone: ZoneInfo) -> str:
    """The day is told only where it is another than that of the beginning."""
    local = at.astimezone(zone)
    return f"{local:%H:%M:%S}" if local.date() == run.started_at.astimezone(zone).date() else _moment(at, zone)


def _moment(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%a %d %b %H:%M:%S}"
