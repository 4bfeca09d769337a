"""The ledger: what did one run do, a page of it at a time? A run may have ten thousand steps, each with a long text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Column, ColumnElement, RowMapping, func, literal, select, union_all

from midwatch.decision import Verdict
from midwatch.ledger.effects import EffectState
from midwatch.ledger.steps import StepKind
from midwatch.ledger.tables import decisions, effects, steps
from midwatch.ledger.transaction import Read, reads

WHOLE: Final = 100_000
"""Characters up to which what a step gave is read: longer than that it is not looked into."""
SHOWN: Final = 4_000
"""Characters of every other text."""
DOUBTS: Final = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Extract:
    """The beginning of a text, and how long it is."""

    text: str
    length: int

    @property
    def left(self) -> int:
        """Characters that are not there."""
        return self.length - len(self.text)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldEffect:
    """What became of a call that changes something."""

    call_id: str
    tool: str
    args: Extract
    state: EffectState
    why: str
    undo: str
    reserved_at: datetime
    settled_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldStep:
    """A finished step."""

    position: str
    at: datetime
    kind: StepKind
    name: str
    detail: Extract
    tokens: int
    usd: Decimal | None
    """None: nobody knows its price."""
    seconds: float
    result: Extract | None
    """What it gave, as JSON where all of it is there; None where nothing was kept."""
    effect: ToldEffect | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ToldDecision:
    """What the rules said to a call."""

    position: str
    at: datetime
    tool: str
    args: Extract
    verdict: Verdict
    rule: str
    reason: str


Told = ToldStep | ToldDecision


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryPage:
    """A part of what a run did, in the order in which it was recorded."""

    told: tuple[Told, ...]
    first: int
    """Number of the first of them, from 0."""
    all: int
    """How many there are on all pages."""
    effects: Mapping[EffectState, int]
    """How many effects of the whole run are in each state."""
    doubts: tuple[ToldEffect, ...]
    """Of the whole run, at most `DOUBTS`: those that have not certainly happened."""


@reads
def story_page(tx: Read, run_id: str, *, first: int, most: int) -> StoryPage:
    """What the run did from its `first` thing on."""
    number = {table: select(func.count()).where(table.c.run_id == run_id) for table in (steps, decisions)}
    states = select(effects.c.state, func.count().label("times")).where(effects.c.run_id == run_id)
    unsettled = select(*_EFFECT).where(effects.c.run_id == run_id, effects.c.state != "consumed")
    return StoryPage(
        told=tuple(_told(tx, run_id, first, most)),
        first=first,
        all=sum(int(tx.connection.scalar(query) or 0) for query in number.values()),
        effects={row["state"]: int(row["times"]) for row in tx.all(states.group_by(effects.c.state))},
        doubts=tuple(_effect(row) for row in tx.all(unsettled.order_by(effects.c.effect_id).limit(DOUBTS))),
    )


def _told(tx: Read, run_id: str, first: int, most: int) -> list[Told]:
    """A decision stands before the step that was taken on it: the two may be of one moment."""
    made = select(decisions.c.at, literal(0).label("what"), decisions.c.position, decisions.c.digest)
    done = select(steps.c.at, literal(1).label("what"), steps.c.position, literal("").label("digest"))
    every = union_all(made.where(decisions.c.run_id == run_id), done.where(steps.c.run_id == run_id)).subquery()
    query = select(every).order_by(every.c.at, every.c.what, every.c.position, every.c.digest)
    keys = tx.all(query.offset(first).limit(most))
    positions = {what: [row["position"] for row in keys if row["what"] == what] for what in (0, 1)}
    ruled = {(one.position, digest): one for one, digest in _decisions(tx, run_id, positions[0])}
    taken = {one.position: one for one in _steps(tx, run_id, positions[1])}
    return [taken[row["position"]] if row["what"] else ruled[row["position"], row["digest"]] for row in keys]


def _decisions(tx: Read, run_id: str, positions: Sequence[str]) -> list[tuple[ToldDecision, str]]:
    names = ("position", "at", "tool", "verdict", "rule", "reason")
    columns = [*(decisions.c[name] for name in names), decisions.c.digest, *_cut(decisions.c.args_json, SHOWN)]
    mine = (decisions.c.run_id == run_id, decisions.c.position.in_(positions))
    rows = tx.all(select(*columns).where(*mine))
    return [
        (ToldDecision(**{name: row[name] for name in names}, args=_extract(row, "args_json")), row["digest"])
        for row in rows
    ]


def _steps(tx: Read, run_id: str, positions: Sequence[str]) -> list[ToldStep]:
    names = ("position", "at", "kind", "name", "seconds")
    columns: list[ColumnElement[Any]] = [steps.c[name] for name in (*names, "usd_nano", "tokens_in", "tokens_out")]
    columns += [*_cut(steps.c.detail, SHOWN), *_cut(steps.c.result_json, WHOLE)]
    rows = tx.all(select(*columns).where(steps.c.run_id == run_id, steps.c.position.in_(positions)))
    done = {one.call_id: one for one in _effects(tx, run_id, [_call_id(row["position"]) for row in rows])}
    return [
        ToldStep(
            **{name: row[name] for name in names},
            detail=_extract(row, "detail"),
            tokens=row["tokens_in"] + row["tokens_out"],
            usd=row["usd_nano"],
            result=None if row["result_json"] is None else _extract(row, "result_json"),
            effect=done.get(_call_id(row["position"])) if row["kind"] == "tool" else None,
        )
        for row in rows
    ]


def _effects(tx: Read, run_id: str, call_ids: Sequence[str]) -> list[ToldEffect]:
    mine = (effects.c.run_id == run_id, effects.c.call_id.in_(call_ids))
    return [_effect(row) for row in tx.all(select(*_EFFECT).where(*mine))]


def _effect(row: RowMapping) -> ToldEffect:
    facts = {name: row[name] for name in _EFFECT_NAMES}
    return ToldEffect(**facts, args=_extract(row, "args_json"))


def _call_id(position: str) -> str:
    """`conversation/tool/ID` is where the call `conversation/ID` was recorded."""
    conversation, _, call = position.rpartition("/tool/")
    return f"{conversation}/{call}"


def _cut(column: Column[Any], most: int) -> list[ColumnElement[Any]]:
    """Its beginning under its own name, and its length; a text without an end is never fetched."""
    return [func.substr(column, 1, most).label(column.name), func.length(column).label(f"{column.name}_length")]


def _extract(row: RowMapping, name: str) -> Extract:
    return Extract(text=row[name], length=row[f"{name}_length"])


_EFFECT_NAMES: Final = ("call_id", "tool", "state", "reserved_at", "settled_at", "why", "undo")
_EFFECT: Final = [*(effects.c[name] for name in _EFFECT_NAMES), *_cut(effects.c.args_json, SHOWN)]
