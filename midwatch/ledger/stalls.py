"""The ledger: which run should be at work, and when did it last finish a step?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select

from midwatch.ledger.tables import asks, run_totals, runs, steps
from midwatch.ledger.transaction import Read, reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that has not ended and waits for nobody."""

    run_id: str
    agent: str
    stepped_at: datetime
    """When it last finished a step, or began."""
    stall_minutes: float


@reads
def unfinished_runs(tx: Read) -> list[Unfinished]:
    """Every run that should be at work and is watched for stalls; one query, however long the runs are."""
    waits = exists().where(asks.c.run_id == runs.c.run_id, asks.c.verdict.is_(None), asks.c.kind != "settle")
    query = (
        select(runs.c.run_id, runs.c.agent, run_totals.c.stepped_at, run_totals.c.stall_minutes)
        .join(run_totals, run_totals.c.run_id == runs.c.run_id)
        .where(runs.c.outcome.is_(None), run_totals.c.stall_minutes.is_not(None), ~waits)
    )
    return [Unfinished(**row) for row in tx.all(query.order_by(run_totals.c.stepped_at))]


@reads
def last_step(tx: Read, run_id: str) -> str:
    """The position of the step that the run finished last; "" before its first."""
    latest = (
        select(steps.c.position).where(steps.c.run_id == run_id).order_by(steps.c.at.desc(), steps.c.position.desc())
    )
    row = tx.first(latest.limit(1))
    return "" if row is None else str(row["position"])
