"""The page: where does each agent stand, on what evidence, what fell, and who has trusted it with what?

It only shows. A promotion is signed where its evidence is judged again, by `midwatch promote`.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from markupsafe import Markup

from midwatch.digest.lines import Foreign, Line
from midwatch.ladder_view import NAMES, LadderView, Rung
from midwatch.ledger import ClassMove, IncidentRow, LevelGrant, Proposal
from midwatch.ledger.levels import Basis
from midwatch.ledger.trusted import Trusted
from midwatch.run import LEVELS, Level
from tasks.page import words
from tasks.page.climb import climb
from tasks.page.sheet import Page, written

LATEST: Final = 20
"""Falls, incidents and errors of one agent that are listed; overrides are listed all, for ever."""
LONG: Final = 400
"""Characters of a reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One rung of an agent's ladder."""

    level: Level
    name: str
    here: bool
    within: bool
    """Not above the agent's ceiling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassShown:
    """A class, or the agent's runs, ready to be written down."""

    name: Line
    brief: Line
    """Of all that stands below, a few words."""
    stands: Line
    said: str
    """The evidence, as a sentence."""
    picture: Markup
    looked: str
    """Who has looked at it, and how much they see."""
    missing: tuple[Line, ...]
    against: tuple[Line, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """A promotion that waits for a person."""

    what: Line
    command: str
    """What a person types to accept it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentShown:
    """One agent's ladder, ready to be written down."""

    view: LadderView
    steps: tuple[Step, ...]
    """The highest first."""
    stands: Line
    doubts: tuple[Line, ...]
    proposals: tuple[Proposed, ...]
    classes: tuple[ClassShown, ...]
    at_stake: tuple[Line, ...]
    record: tuple[tuple[str, tuple[Line, ...]], ...]
    """Overrides, falls and incidents, by heading; the newest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MoveLine:
    """A row of the trust ledger."""

    when: str
    agent: Foreign
    what: Line
    why: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustLedger:
    """A page of it."""

    rows: Sequence[Trusted]
    here: int
    more: bool


def ladder_page(
    views: Sequence[LadderView],
    trust: TrustLedger,
    page: Page,
    *,
    agent: str = "",
    others: Sequence[str] = (),
    wrong: Sequence[str] = (),
) -> str:
    """The whole page.

    Args:
        agent: shown alone; "" for all.
        others: agents that are not shown here, for lack of room.
        wrong: what is wrong with the files of those that cannot be shown.
    """
    return written(
        "ladder.html",
        page,
        title=f"Ladder of {agent}" if agent else "Ladder",
        agents=[_shown(view) for view in views],
        trust=trust,
        moves=[_row(one) for one in trust.rows],
        only=agent,
        others=others,
        wrong=wrong,
    )


def _shown(view: LadderView) -> AgentShown:
    return AgentShown(
        view=view,
        steps=tuple(
            Step(level=level, name=NAMES[level], here=level == view.standing.level, within=level <= view.ceiling)
            for level in reversed(LEVELS)
        ),
        stands=_stands(view),
        doubts=tuple(_typed(doubt) for doubt in view.doubts),
        proposals=tuple(_proposed(one) for one in view.proposals),
        classes=(*(_class(rung) for rung in view.classes), *_runs(view)),
        at_stake=tuple(
            _line(_rule(rung.name), f": {rung.words}{'; and it would ask again' if rung.stands == 'allow' else ''}")
            for rung in view.at_stake
        ),
        record=tuple((title, lines) for title, lines in _record(view) if lines),
    )


def _stands(view: LadderView) -> Line:
    grant = view.standing.grant
    if grant is None:
        return _line("Nobody has granted it anything." if not view.doubts else "Nothing that it was granted counts.")
    wide = " What the rules of its file allow goes unasked, earned or not." if view.standing.is_wide else ""
    said = f"{_basis(grant.basis)}{_until(grant.until)}, by "
    return _line(said, _who(grant.by), f", {words.dated(grant.granted_at)}: ", _why(grant.because), f".{wide}")


def _basis(basis: Basis) -> str:
    """Why it stands so, as the first words of a line."""
    match basis:
        case "earned":
            return "Earned"
        case "override":
            return "By override, without evidence"
        case "fall":
            return "Fallen"
        case "person":
            return "Granted"


def _class(rung: Rung) -> ClassShown:
    seen = rung.record.verdict.sensitivity.words if rung.record.verdict.p0 is not None else ""
    missing = () if rung.stands == "allow" else rung.missing
    name = _line(_rule(rung.name), f" ({rung.record.risk})")
    return _rung(rung, name, _brief(rung), _where(rung), seen, missing)


def _brief(rung: Rung) -> Line:
    if rung.stands == "allow":
        return _line(_rule(rung.name), " goes unasked")
    if rung.record.verdict.p0 is None:
        return _line(_rule(rung.name), " asks, and no evidence is enough")
    return _line(_rule(rung.name), f" asks, {rung.share:.0%} of the way")


def _where(rung: Rung) -> Line:
    move = rung.move
    if move is None:
        return _line("Asks.")
    if rung.stands == "allow":
        said = f"Goes unasked at level 4. {_basis(move.basis)}{_until(move.until)}, by "
        return _line(said, _who(move.by), f", {words.dated(move.at)}: ", _why(move.because))
    if move.basis == "fall":
        return _line(f"Asks. It fell {words.dated(move.at)}: ", _why(move.because))
    return _line("Asks.")


def _runs(view: LadderView) -> Iterator[ClassShown]:
    """What its runs have earned. Below a ceiling of 5 that is the whole of what is missing."""
    if view.ceiling < 5 and not view.runs.points:
        return
    missing = (
        (*view.runs.missing, *view.five) if view.ceiling == 5 else (f"`ceiling: 5` in its file: it is {view.ceiling}",)
    )
    name, brief = _line("Level 5, by its runs at level 4"), _line(f"Level 5, {view.runs.share:.0%} of the way")
    yield _rung(view.runs, name, brief, _line(), "Judged by its contract", missing if view.standing.level < 5 else ())


def _rung(rung: Rung, name: Line, brief: Line, stands: Line, looked: str, missing: Sequence[str]) -> ClassShown:
    bad = [action for action in reversed(rung.record.actions) if action.severity]
    against = tuple(_line(f"{words.dated(one.at)}: ", _why(one.why)) for one in bad[:LATEST])
    return ClassShown(
        name=name,
        brief=brief,
        stands=stands,
        said=_sentence(rung.words),
        picture=climb(rung),
        looked=_sentence(looked),
        missing=tuple(_typed(each) for each in missing),
        against=(*against, *_left_out(len(bad))),
    )


def _sentence(said: str) -> str:
    return f"{said[:1].upper()}{said[1:]}." if said else ""


def _typed(said: str) -> Line:
    """What stands between backticks is code."""
    parts = enumerate(said.split("`"))
    return _line(*(Foreign(text=part, at_most=LONG) if number % 2 else part for number, part in parts if part))


def _proposed(one: Proposal) -> Proposed:
    what = ("Let ", _rule(one.rule), " go unasked") if one.rule else (f"Put it on level {one.to_level}",)
    named = shlex.quote(one.rule) if one.rule else f"--to {one.to_level}"
    return Proposed(
        what=_line(*what, f", proposed {words.dated(one.opened_at)}."),
        command=f"midwatch promote {one.agent} {named}",
    )


def _record(view: LadderView) -> Iterator[tuple[str, tuple[Line, ...]]]:
    """What stays visible for ever, and what happened lately."""
    told = [(one.at, one.basis, _move(one)) for one in view.moves]
    told += [(one.granted_at, one.basis, _grant(one)) for one in view.grants]
    told.sort(key=lambda each: each[0], reverse=True)
    fell = [line for _, basis, line in told if basis == "fall"]
    charged = [_incident(one) for one in view.incidents]
    yield "Fell", (*fell[:LATEST], *_left_out(len(fell)))
    yield "Overrides", tuple(line for _, basis, line in told if basis == "override")
    yield "Incidents", (*charged[:LATEST], *_left_out(len(charged)))


def _left_out(count: int) -> tuple[Line, ...]:
    return (_line(f"and {count - LATEST:,} earlier"),) if count > LATEST else ()


def _move(one: ClassMove) -> Line:
    said = f" {_goes(one.stands)}{_until(one.until)}, by "
    return _line(f"{words.dated(one.at)}: ", _rule(one.rule), said, _who(one.by), ": ", _why(one.because))


def _grant(one: LevelGrant) -> Line:
    said = f"{words.dated(one.granted_at)}: level {one.level}{_until(one.until)}, by "
    return _line(said, _who(one.by), ": ", _why(one.because))


def _incident(one: IncidentRow) -> Line:
    rule = (", ", _rule(one.rule)) if one.rule else ()
    said = f"{words.dated(one.at)}: {one.severity}"
    return _line(said, *rule, ", by ", _who(one.by), ": ", _why(one.because))


def _row(one: Trusted) -> MoveLine:
    put = (_rule(one.rule), f" {_goes(one.stands or 'ask')}") if one.rule is not None else (f"level {one.level}",)
    return MoveLine(
        when=words.dated(one.at),
        agent=Foreign(text=one.agent, at_most=60),
        what=_line(*put, _until(one.until)),
        why=_line(f"{_basis(one.basis)}, by ", _who(one.by), ": ", _why(one.because)),
    )


def _goes(stands: str) -> str:
    return "goes unasked" if stands == "allow" else "asks"


def _until(until: datetime | None) -> str:
    return f" until {words.dated(until)}" if until else ""


def _line(*parts: str | Foreign) -> Line:
    return Line(parts=parts)


def _rule(rule: str) -> Foreign:
    return Foreign(text=rule, at_most=160)


def _who(person: str) -> Foreign:
    return Foreign(text=person, at_most=60)


def _why(because: str) -> Foreign:
    return Foreign(text=because, at_most=LONG)
