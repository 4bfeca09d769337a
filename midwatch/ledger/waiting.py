"""The ledger: what waits, over all runs at once? One query each, however many wait; the keeper asks every few seconds."""

from __future__ import annotations

from sqlalchemy import func, select

from midwatch.ledger.asks import AskRow
from midwatch.ledger.tables import asks, runs
from midwatch.ledger.transaction import Read, reads


@reads
def decided_runs(tx: Read) -> list[str]:
    """Runs that have not ended and whose questions are all decided, the longest decided first.

    What has become of an effect no run waits for (`settle`).
    """
    going_on = select(runs.c.run_id).where(runs.c.finished_at.is_(None))
    query = select(asks.c.run_id).where(asks.c.run_id.in_(going_on), asks.c.kind != "settle").group_by(asks.c.run_id)
    decided = query.having(func.count() == func.count(asks.c.verdict))
    return [str(row["run_id"]) for row in tx.all(decided.order_by(func.max(asks.c.decided_at), asks.c.run_id))]


@reads
def open_ask_ids(tx: Read) -> list[str]:
    """Which questions wait; for whoever looks often and does something only when it is not the same as before."""
    query = select(asks.c.ask_id).where(asks.c.verdict.is_(None)).order_by(asks.c.ask_id)
    return [str(row["ask_id"]) for row in tx.all(query)]


@reads
def parked_asks(tx: Read) -> list[AskRow]:
    """What waits until a model is there again, oldest first."""
    waiting = select(asks).where(asks.c.verdict.is_(None), asks.c.kind == "park")
    return [AskRow(**row) for row in tx.all(waiting.order_by(asks.c.created_at, asks.c.ask_id))]


@reads
def asks_of_waiting_runs(tx: Read) -> list[AskRow]:
    """Every question, decided or not, of each run of which one waits; run by run, oldest first."""
    waiting = select(asks.c.run_id).where(asks.c.verdict.is_(None))
    query = select(asks).where(asks.c.run_id.in_(waiting)).order_by(asks.c.run_id, asks.c.created_at, asks.c.ask_id)
    return [AskRow(**row) for row in tx.all(query)]


@reads
def runs_named(tx: Read, part: str, *, limit: int) -> list[str]:
    """Ids of runs that begin or end so, letter for letter: first the one that is so, then in their order."""
    run_id, size = runs.c.run_id, len(part)
    ends = func.substr(run_id, func.length(run_id) - size + 1, size) == part
    query = select(run_id).where((func.substr(run_id, 1, size) == part) | ends)
    return [str(row["run_id"]) for row in tx.all(query.order_by(run_id != part, run_id).limit(limit))]
