"""The ledger: what did a run do, step by step, and what did each cost?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from sqlalchemy import RowMapping, func, select

from midwatch.budget import Spent
from midwatch.ledger import days
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import steps
from midwatch.ledger.transaction import Read, Write, reads, writes

StepKind = Literal["model", "tool", "permissions", "trigger", "monitoring", "harness", "person"]


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRow:
    run_id: str
    position: str
    """Where in the run: unique, and the same when the run is replayed."""
    kind: StepKind
    name: str
    detail: str
    tokens_in: int
    tokens_out: int
    usd: Decimal | None
    """None: of a paid model whose price nobody knows."""
    seconds: float
    at: datetime
    """When it was recorded, so at its end."""


@writes(durable=False)
def record_step(
    tx: Write,
    run_id: str,
    position: str,
    *,
    kind: StepKind,
    name: str,
    detail: str = "",
    tokens_in: int = 0,
    tokens_out: int = 0,
    usd: Decimal | None = Decimal(0),
    seconds: float = 0.0,
) -> bool:
    """Write a finished step, and add its cost to the agent's day. False: this position stands, nothing changed."""
    agent = tx.run(run_id)["agent"]
    facts = {
        "kind": kind,
        "name": name,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "seconds": seconds,
    }
    _, new = tx.enter(steps, {"run_id": run_id, "position": position}, at=tx.at, detail=detail, usd_nano=usd, **facts)
    if not new:
        return False
    days.add(
        tx,
        agent,
        steps=int(kind == "model"),
        tokens=tokens_in + tokens_out,
        usd=usd or Decimal(0),
        seconds=seconds,
        unpriced_steps=int(usd is None),
    )
    tx.journal("step", run_id, position=position, usd=usd, **facts, detail_sha256=sha256(detail))
    return True


@reads
def has_step(tx: Read, run_id: str, position: str) -> bool:
    """Whether the step at this position was finished."""
    return tx.first(select(steps.c.run_id).where(steps.c.run_id == run_id, steps.c.position == position)) is not None


@reads
def steps_of(tx: Read, run_id: str) -> list[StepRow]:
    """Every step of a run, in the order in which they were recorded."""
    query = select(steps).where(steps.c.run_id == run_id).order_by(steps.c.at, steps.c.position)
    return [_step_row(row) for row in tx.all(query)]


@reads
def spent_by(tx: Read, run_id: str) -> Spent:
    """What a run has used over all its lives. It reads every step of the run: call it once a life, not once a step."""
    query = select(
        func.count().filter(steps.c.kind == "model").label("steps"),
        func.coalesce(func.sum(steps.c.tokens_in + steps.c.tokens_out), 0).label("tokens"),
        func.sum(steps.c.usd_nano).label("usd"),
        func.coalesce(func.sum(steps.c.seconds), 0.0).label("seconds"),
        func.count().filter(steps.c.usd_nano.is_(None)).label("unpriced_steps"),
    ).where(steps.c.run_id == run_id)
    row = tx.connection.execute(query).mappings().one()
    return Spent(
        runs=1,
        steps=row["steps"],
        tokens=int(row["tokens"]),
        usd=float(row["usd"] or 0),
        minutes=row["seconds"] / 60,
        unpriced_steps=row["unpriced_steps"],
    )


def _step_row(row: RowMapping) -> StepRow:
    fields = dict(row)
    return StepRow(usd=fields.pop("usd_nano"), **fields)
