"""The ledger: what happened in a while, over all runs at once? One query each, for whoever did not look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, or_, select

from midwatch.budget import Spent
from midwatch.ledger.asks import AskRow
from midwatch.ledger.runs import RunRow, run_row
from midwatch.ledger.tables import asks, effects, runs, steps
from midwatch.ledger.transaction import Read, reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What one agent has done with one tool."""

    agent: str
    tool: str
    times: int
    undoable: int
    """How many of them say how they are taken back."""
    last_run: str


@reads
def runs_between(tx: Read, since: datetime, until: datetime) -> list[RunRow]:
    """Every run that was under way at some time of it, the earliest first; one that waits is."""
    under_way = (runs.c.started_at < until, or_(runs.c.finished_at >= since, runs.c.finished_at.is_(None)))
    return [run_row(row) for row in tx.all(select(runs).where(*under_way).order_by(runs.c.started_at, runs.c.run_id))]


@reads
def done_between(tx: Read, since: datetime, until: datetime) -> list[Done]:
    """The effects that have happened, by agent and tool."""
    counted = (func.count().label("times"), func.count().filter(effects.c.undo != "").label("undoable"))
    last = func.max(effects.c.effect_id).label("last")
    query = select(runs.c.agent, effects.c.tool, *counted, last).join(runs, runs.c.run_id == effects.c.run_id)
    settled = (effects.c.state == "consumed", effects.c.settled_at >= since, effects.c.settled_at < until)
    grouped = query.where(*settled).group_by(runs.c.agent, effects.c.tool).subquery()
    named = select(grouped, effects.c.run_id.label("last_run")).join(effects, effects.c.effect_id == grouped.c.last)
    rows = [{name: row[name] for name in Done.__slots__} for row in tx.all(named)]
    return sorted((Done(**row) for row in rows), key=lambda one: (one.agent, -one.times, one.tool))


@reads
def decided_between(tx: Read, since: datetime, until: datetime) -> list[AskRow]:
    """The questions that were answered, or that nobody answered in time, in the order in which it was so."""
    query = select(asks).where(asks.c.decided_at >= since, asks.c.decided_at < until)
    return [AskRow(**row) for row in tx.all(query.order_by(asks.c.decided_at, asks.c.ask_id))]


@reads
def spent_between(tx: Read, since: datetime, until: datetime) -> dict[str, Spent]:
    """What each agent has used; it reads the steps of the runs that were under way."""
    used = select(
        runs.c.agent,
        func.count(func.distinct(runs.c.run_id)).label("runs"),
        func.count().filter(steps.c.kind == "model").label("steps"),
        func.sum(steps.c.tokens_in + steps.c.tokens_out).label("tokens"),
        func.sum(steps.c.usd_nano).label("usd"),
        func.sum(steps.c.seconds).label("seconds"),
        func.count().filter(steps.c.usd_nano.is_(None)).label("unpriced_steps"),
    ).join(runs, runs.c.run_id == steps.c.run_id)
    under_way = (runs.c.started_at < until, or_(runs.c.finished_at >= since, runs.c.finished_at.is_(None)))
    within = (steps.c.at >= since, steps.c.at < until)
    return {
        row["agent"]: Spent(
            runs=row["runs"],
            steps=row["steps"],
            tokens=int(row["tokens"]),
            usd=float(row["usd"] or 0),
            minutes=row["seconds"] / 60,
            unpriced_steps=row["unpriced_steps"],
        )
        for row in tx.all(used.where(*under_way, *within).group_by(runs.c.agent))
    }
