"""The ladder: where does an agent stand, on what, and what is missing for more? Gathered for whoever shows it to a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from math import log
from typing import Final

from midwatch.fingerprint import Part, as_it_last_thought, changed
from midwatch.ladder import ALPHA, CLEAN, MAJOR, MINOR, Action, Fall, Tally, counted, curve, in_words
from midwatch.ledger import ClassMove, IncidentRow, Ledger, LevelGrant, LevelStanding, Proposal, Record
from midwatch.ledger.promotions import is_written
from midwatch.run import Level
from midwatch.rung_five import StandIns, missing_for_five
from midwatch.spec import AgentSpec

ENOUGH: Final = -log(ALPHA)
"""log E from which on a promotion is proposed."""
NAMES: Final[Mapping[Level, str]] = {1: "chatbot", 2: "assistant", 3: "supervised", 4: "auto", 5: "unattended"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """A class, or the agent's runs."""

    record: Record
    move: ClassMove | None
    """Where the class was last put; None where it never was, and of runs."""
    stands: str
    """`ask`, or `allow` where it goes unasked now; "" of runs."""
    words: str
    """The evidence, for a person who knows no statistics."""
    points: tuple[float, ...]
    """log E after each piece of evidence; the threshold is `ENOUGH`."""
    missing: tuple[str, ...]
    doubt: str = ""
    """What is wrong with the table of classes; "" where the journal bears it out."""

    @property
    def name(self) -> str:
        return self.record.rule or "runs at level 4"

    @property
    def share(self) -> float:
        """How far it is to the threshold, 0 to 1."""
        return min(1.0, max(0.0, self.record.verdict.log_e / ENOUGH))


@dataclass(frozen=True, slots=True, kw_only=True)
class LadderView:
    """All of one agent."""

    agent: str
    standing: LevelStanding
    ceiling: int
    fingerprint: str
    """Of its file as it is now."""
    changed: tuple[Part, ...]
    """What of it is not as it was when the agent last ran."""
    at_stake: tuple[Rung, ...]
    """Classes with evidence of the agent as it last ran, which a changed file would not take over."""
    classes: tuple[Rung, ...]
    runs: Rung
    five: tuple[str, ...]
    """What level 5 asks for besides, and is not there."""
    grants: tuple[LevelGrant, ...]
    moves: tuple[ClassMove, ...]
    incidents: tuple[IncidentRow, ...]
    proposals: tuple[Proposal, ...]
    """Those that wait."""

    @property
    def doubts(self) -> tuple[str, ...]:
        """What of the tables is not what the journal holds."""
        return tuple(one for one in (self.standing.doubt, *(rung.doubt for rung in self.classes)) if one)


async def view_of(ledger: Ledger, spec: AgentSpec, seen: StandIns, now: datetime) -> LadderView:
    """Where it stands now. Costs as much as its asked actions are many."""
    last = await ledger.last_fingerprint(spec.name)
    mark = as_it_last_thought(spec, last.mark if last else None, await ledger.pinned_tools(spec.name))
    same = last is None or last.fingerprint == mark.whole
    runs = await ledger.run_record(spec.name, mark.whole, now)
    return LadderView(
        agent=spec.name,
        standing=await ledger.level_standing(spec.name, now),
        ceiling=spec.ceiling,
        fingerprint=mark.whole,
        changed=() if last is None else changed(last.mark, mark),
        at_stake=() if same or last is None else await _classes(ledger, spec, last.fingerprint, now),
        classes=await _classes(ledger, spec, mark.whole, now),
        runs=_rung(runs, None, "", unit="run"),
        five=missing_for_five(spec, mark.whole, seen, now),
        grants=tuple(await ledger.grants(spec.name)),
        moves=tuple(await ledger.moves_of(spec.name)),
        incidents=tuple(await ledger.incidents_of(spec.name)),
        proposals=tuple(await ledger.open_proposals(spec.name)),
    )


async def _classes(ledger: Ledger, spec: AgentSpec, fingerprint: str, now: datetime) -> tuple[Rung, ...]:
    agent = spec.name
    trust = await ledger.classes_allowed(agent, fingerprint, now)
    latest = {move.rule: move for move in reversed(await ledger.moves_of(agent))}
    rules = sorted({*await ledger.rules_asked(agent, fingerprint), *trust})
    records = [await ledger.class_record(agent, rule, fingerprint, now, share=spec.inherit) for rule in rules]
    return tuple(_class(record, latest.get(str(record.rule)), trust, now) for record in records)


def _class(record: Record, move: ClassMove | None, trust: Mapping[str, ClassMove], now: datetime) -> Rung:
    rung = _rung(record, move, "allow" if record.rule in trust else "ask")
    said = move is not None and move.stands == "allow" and move.fingerprint == record.fingerprint
    if move is None or not said or record.rule in trust or (move.until is not None and move.until <= now):
        return rung
    return replace(
        rung,
        doubt=f"move {move.move_id} of {move.rule} is not what the journal holds, so it asks; `midwatch verify` says more",
    )


def _rung(record: Record, move: ClassMove | None, stands: str, *, unit: str = "action") -> Rung:
    verdict = record.verdict
    return Rung(
        record=record,
        move=move,
        stands=stands,
        words=in_words(record.evidence, verdict, unit=unit),
        points=tuple(curve(climbed(record), verdict.tested)) if verdict.tested else (),
        missing=(*verdict.missing, *((verdict.too_slow,) if verdict.too_slow else ())),
    )


def climbed(record: Record) -> list[float | Fall]:
    """What counts, in its order, with the falls between: what was inherited, and then its own."""
    left = record.inherited.left if record.inherited else Tally()
    before: list[float | Fall] = [*[MAJOR] * left.major, *[MINOR] * left.minor, *[CLEAN] * left.clean]
    return before + told(record.actions, record.falls)


def told(actions: Sequence[Action], falls: Sequence[datetime]) -> list[float | Fall]:
    """What counts of the actions, in their order, with the falls between them."""
    found: list[tuple[datetime, int, float | Fall]] = [(at, 1, Fall()) for at in falls]
    found += [(action.at, 0, action.severity) for action in counted(actions)]
    return [one for _, _, one in sorted(found, key=lambda each: each[:2])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A promotion that the evidence speaks for."""

    rule: str | None
    """The class that is to go unasked; None: the agent's level."""
    to_level: Level
    record: Record


def due(view: LadderView) -> tuple[Due, ...]:
    """What may be proposed now: nothing of an agent whose tables are in doubt, and nothing above its ceiling."""
    level = view.standing.level
    if view.doubts or level < 3 or view.ceiling < 4:
        return ()
    earned = [one for one in view.classes if one.record.verdict.ready and not _is_earned(one)]
    found = [Due(rule=one.record.rule, to_level=4, record=one.record) for one in earned if is_written(one.name)]
    if level == 3 and (standing := [one for one in view.classes if one.stands == "allow"]):
        found.append(Due(rule=None, to_level=4, record=standing[0].record))
    if level == 4 and view.ceiling == 5 and view.runs.record.verdict.ready and not view.five:
        found.append(Due(rule=None, to_level=5, record=view.runs.record))
    return tuple(found)


def _is_earned(rung: Rung) -> bool:
    return rung.stands == "allow" and rung.move is not None and rung.move.basis == "earned"
