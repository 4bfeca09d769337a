"""The ledger: which run should be at work, and when did it last finish a step?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, func, select

from midwatch.ledger.tables import asks, run_totals, runs
from midwatch.ledger.transaction import Read, reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Unfinished:
    """A run that has not ended and waits for nobody."""

    run_id: str
    agent: str
    stepped_at: datetime
    """When it last finished a step, or began."""
    last_step: str
    """The position of that step; "" before its first."""
    stall_minutes: float


@reads
def unfinished_runs(tx: Read) -> list[Unfinished]:
    """Every run that should be at work and is watched for stalls; one query, however long the runs are."""
    waits = exists().where(asks.c.run_id == runs.c.run_id, asks.c.verdict.is_(None), asks.c.kind != "settle")
    query = (
        select(
            runs.c.run_id,
            runs.c.agent,
            run_totals.c.stepped_at,
            func.coalesce(run_totals.c.last_step, "").label("last_step"),
            run_totals.c.stall_minutes,
        )
        .join(run_totals, run_totals.c.run_id == runs.c.run_id)
        .where(runs.c.finished_at.is_(None), run_totals.c.stall_minutes.is_not(None), ~waits)
    )
    return [Unfinished(**row) for row in tx.all(query.order_by(run_totals.c.stepped_at))]
