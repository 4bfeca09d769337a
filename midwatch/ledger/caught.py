"""The ledger: whom did a halt meet, and where? Every run that it covers which had not ended when it was set."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

from sqlalchemy import ColumnElement, func, or_, select, true

from midwatch.halt import Target
from midwatch.ledger.effects import EffectRow
from midwatch.ledger.runs import RunRow, run_row
from midwatch.ledger.tables import asks, effects, runs, steps
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
    """The runs that a halt at `since` met, by their start."""
    met = or_(runs.c.finished_at.is_(None), runs.c.finished_at >= since)
    query = select(runs).where(met, _covered(target)).order_by(runs.c.started_at, runs.c.run_id)
    return [_caught(tx, run_row(row), since) for row in tx.all(query)]


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


def _caught(tx: Read, run: RunRow, since: datetime) -> Caught:
    last = select(steps.c.position).where(steps.c.run_id == run.run_id).order_by(steps.c.at.desc()).limit(1)
    step = tx.first(last)
    open_or_late = or_(effects.c.state.in_(("reserved", "unknown")), effects.c.settled_at >= since)
    mine = select(effects).where(effects.c.run_id == run.run_id, open_or_late).order_by(effects.c.effect_id)
    asked = (asks.c.run_id == run.run_id, asks.c.verdict.is_(None), asks.c.kind != "settle")
    waits = tx.connection.scalar(select(func.count()).select_from(asks).where(*asked))
    return Caught(
        run=run,
        step="" if step is None else step["position"],
        effects=tuple(EffectRow(**row) for row in tx.all(mine)),
        waits=waits or 0,
    )
