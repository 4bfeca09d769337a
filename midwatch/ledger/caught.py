"""The ledger: whom did a halt meet, and where? Every run that it covers which had not ended when it was set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, assert_never

from sqlalchemy import ColumnElement, Select, func, or_, select, true

from midwatch.halt import Target
from midwatch.ledger.effects import EffectRow
from midwatch.ledger.runs import RunRow, run_row
from midwatch.ledger.tables import asks, effects, run_totals, runs
from midwatch.ledger.transaction import Read, reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """One run that a halt has met."""

    run: RunRow
    step: str
    """The position of its last finished step; empty before the first."""
    effects: tuple[EffectRow, ...]
    """What it had begun and whose end nobody has seen, or was seen only since the halt."""
    waits: int
    """Questions of it that a person has not answered; it stays suspended meanwhile."""


@reads
def caught_by(tx: Read, target: Target, since: datetime) -> list[Caught]:
    """The runs that a halt at `since` met, by their start; three queries, however many they are."""
    met = (or_(runs.c.finished_at.is_(None), runs.c.finished_at >= since), _covered(target))
    steps = run_totals.c.last_step
    query = select(runs, steps).outerjoin(run_totals, run_totals.c.run_id == runs.c.run_id).where(*met)
    ids = select(runs.c.run_id).where(*met)
    begun, waits = _begun(tx, ids, since), _waits(tx, ids)
    found = [_caught(dict(row), begun, waits) for row in tx.all(query)]
    return sorted(found, key=lambda one: (one.run.started_at, one.run.run_id))


def _covered(target: Target) -> ColumnElement[bool]:
    match target.scope:
        case "all":
            return true()
        case "agent":
            return runs.c.agent == target.name
        case "run":
            return runs.c.run_id == target.name
        case _:
            assert_never(target.scope)


def _begun(tx: Read, ids: Select[Any], since: datetime) -> dict[str, list[EffectRow]]:
    open_or_late = or_(effects.c.state.in_(("reserved", "unknown")), effects.c.settled_at >= since)
    found: dict[str, list[EffectRow]] = {}
    for row in tx.all(select(effects).where(effects.c.run_id.in_(ids), open_or_late).order_by(effects.c.effect_id)):
        found.setdefault(row["run_id"], []).append(EffectRow(**row))
    return found


def _waits(tx: Read, ids: Select[Any]) -> dict[str, int]:
    asked = (asks.c.run_id.in_(ids), asks.c.verdict.is_(None), asks.c.kind != "settle")
    counted = select(asks.c.run_id, func.count().label("waits")).where(*asked).group_by(asks.c.run_id)
    return {row["run_id"]: row["waits"] for row in tx.all(counted)}


def _caught(row: dict[str, Any], begun: dict[str, list[EffectRow]], waits: dict[str, int]) -> Caught:
    step, run_id = row.pop("last_step"), row["run_id"]
    return Caught(run=run_row(row), step=step or "", effects=tuple(begun.get(run_id, ())), waits=waits.get(run_id, 0))
