"""The ledger: what did a run do, step by step, and what did each cost?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Literal

from sqlalchemy import RowMapping, func, select

from midwatch.budget import Spent
from midwatch.ledger import budgets, days, decisions, effects, labels
from midwatch.ledger.decisions import Decided
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import effects as effects_table
from midwatch.ledger.tables import steps
from midwatch.ledger.transaction import Read, Write, reads, writes

if TYPE_CHECKING:  # the ledger is opened where no policy is read, and its matchers take long to import
    from midwatch.policy.reading import Label

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


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredStep:
    """What a later life of the run needs of a finished step."""

    position: str
    kind: StepKind
    name: str
    detail: str
    result_json: str
    request_digest: str
    """Of what the step was asked with: a replay that asks with something else is not the same run any more."""


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
    result_json: str | None = None,
    request_digest: str | None = None,
    decided: Decided | None = None,
    effect_id: int | None = None,
    undo: str = "",
    did_nothing: bool = False,
    brought: Collection[Label] = (),
) -> bool:
    """Write a finished step, and add its cost to the agent's day. False: this position stands, nothing changed.

    Args:
        result_json: what a replay takes instead of running the step again; None for a step that is only told of.
        request_digest: what the step was asked with.
        decided: the gate's answer on which it ran, entered in the same transaction.
        effect_id: the effect that it was, consumed in the same transaction with this result.
        undo: how a person takes the effect back.
        did_nothing: the effect's tool failed and certainly changed nothing.
        brought: labels that its result puts on the run, as far as they do not stand yet.
    """
    agent = tx.agent_of(run_id)
    if decided is not None:
        decisions.enter(tx, run_id, decided)
    if effect_id is not None:
        effects.consumed(tx, effect_id, result_json or "null", undo, did_nothing=did_nothing)
    facts = {
        "kind": kind,
        "name": name,
        "tokens_in": tokens_in,
        "tokens_out": tokens_out,
        "seconds": seconds,
    }
    for label in brought:
        labels.enter(tx, run_id, label, f"{name} at {position}")
    stored = {"result_json": result_json, "request_digest": request_digest}
    key = {"run_id": run_id, "position": position}
    first = not budgets.has_begun(tx, run_id)
    if not tx.is_new(steps, key, at=tx.at, detail=detail, usd_nano=usd, **facts, **stored):
        return False
    used: days.Used = {
        "steps": int(kind == "model"),
        "tokens": tokens_in + tokens_out,
        "usd": usd or Decimal(0),
        "seconds": seconds,
        "unpriced_steps": int(usd is None),
    }
    today: days.Used = {**used, "runs": int(first)}
    days.add(tx, agent, **today)
    budgets.add(tx, run_id, step=position, **used)
    sealed = {"detail_sha256": sha256(detail), "result_sha256": None if result_json is None else sha256(result_json)}
    tx.journal("step", run_id, position=position, usd=usd, request_digest=request_digest, **facts, **sealed)
    return True


@reads
def stored_steps(tx: Read, run_id: str) -> list[StoredStep]:
    """Every step of a run whose result was kept; read once, at the beginning of a life of the run."""
    columns = [steps.c[name] for name in ("position", "kind", "name", "detail", "result_json", "request_digest")]
    query = select(*columns).where(steps.c.run_id == run_id, steps.c.result_json.is_not(None))
    return [StoredStep(**{**row, "request_digest": row["request_digest"] or ""}) for row in tx.all(query)]


@reads
def steps_of(tx: Read, run_id: str) -> list[StepRow]:
    """Every step of a run, in the order in which they were recorded."""
    told = [column for column in steps.c if column.name not in ("result_json", "request_digest")]
    query = select(*told).where(steps.c.run_id == run_id).order_by(steps.c.at, steps.c.position)
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
    begun = select(func.count()).select_from(effects_table).where(effects_table.c.run_id == run_id)
    return Spent(
        runs=1,
        steps=row["steps"],
        tokens=int(row["tokens"]),
        usd=float(row["usd"] or 0),
        minutes=row["seconds"] / 60,
        effects=tx.connection.execute(begun).scalar_one(),
        unpriced_steps=row["unpriced_steps"],
    )


def _step_row(row: RowMapping) -> StepRow:
    fields = dict(row)
    return StepRow(usd=fields.pop("usd_nano"), **fields)
