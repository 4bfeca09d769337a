"""The ledger: which arrivals are to be started now, for which of them is one run, and what came of it?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, Update, func, select, update

from midwatch.errors import LedgerError
from midwatch.ledger.arrivals import ArrivalRow, ArrivalState, arrival_row
from midwatch.ledger.journal import canonical, sha256
from midwatch.ledger.tables import arrivals as table
from midwatch.ledger.transaction import Read, Write, reads, writes

FIRST_PAUSE: Final = timedelta(seconds=2)
"""Between two tries to start an arrival's run; doubled each time."""
LONGEST_PAUSE: Final = timedelta(minutes=5)

Together = Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]
"""The inputs of several arrivals, oldest first, as the input of one run."""


@reads
def agents_due(tx: Read, now: datetime) -> list[str]:
    """The agents that something is to be started for."""
    query = select(table.c.agent).where(*_due(now)).distinct().order_by(table.c.agent)
    return [row["agent"] for row in tx.all(query)]


@reads
def arrivals_due(tx: Read, agent: str, now: datetime, *, limit: int) -> list[ArrivalRow]:
    """What is to be started for an agent, oldest first."""
    query = _oldest(select(table).where(*_due(now), table.c.agent == agent)).limit(limit)
    return [arrival_row(row) for row in tx.all(query)]


@reads
def arrivals_started_since(tx: Read, agent: str, since: datetime) -> int:
    """How many runs arrivals have started."""
    mine = select(func.count()).select_from(table).where(table.c.agent == agent, table.c.started_at > since)
    return int(tx.connection.scalar(mine.where(table.c.state == "started")) or 0)


@writes()
def gather_arrivals(
    tx: Write, arrival_id: str, together: Together, *, most: int, most_bytes: int
) -> tuple[ArrivalRow, int]:
    """Settle once and for all which arrivals the run of this one is for: it, and what else waits of its trigger.

    Returns it with the input of that run, and how many joined it now. Where a process dies after this, the next one starts
    the same run.
    """
    row = tx.row(table, {"arrival_id": arrival_id})
    if row["gathered_at"] is not None or row["state"] != "received":
        return arrival_row(row), 0
    free = (table.c.state == "received", table.c.gathered_at.is_(None), table.c.arrival_id != arrival_id)
    mine = (table.c.agent == row["agent"], table.c.trigger == row["trigger"])
    inputs, others, size = [row["input_json"]], [], len(row["input_json"])
    for other in tx.all(_oldest(select(table).where(*free, *mine)).limit(most - 1)):
        size += len(other["input_json"])
        if size > most_bytes:
            break
        inputs.append(other["input_json"])
        others.append(other["arrival_id"])
    input_json = canonical(dict(together([json.loads(one) for one in inputs])))
    settled = {"input_json": input_json, "input_sha256": sha256(input_json), "gathered_at": tx.at}
    tx.changed(_one(arrival_id).values(**settled))
    for other_id in others:
        tx.changed(_one(other_id).values(state="coalesced", joined=arrival_id))
    sealed = {"input_sha256": settled["input_sha256"], "joined": others}
    tx.journal("arrivals_gathered", None, arrival_id=arrival_id, **sealed)
    return arrival_row(tx.row(table, {"arrival_id": arrival_id})), len(others)


@writes()
def arrival_started(tx: Write, arrival_id: str, run_id: str) -> None:
    """Its run is there; said again, nothing changes.

    Raises:
        LedgerError: it has another run.
    """
    free = _one(arrival_id).where(table.c.state == "received")
    if tx.changed(free.values(state="started", run_id=run_id, started_at=tx.at, why="")):
        tx.journal("arrival_started", run_id, arrival_id=arrival_id)
    standing = tx.row(table, {"arrival_id": arrival_id})["run_id"]
    if standing != run_id:
        raise LedgerError(f"arrival {arrival_id} has run {standing!r}, so run {run_id!r} cannot be its run")


@writes()
def arrival_failed(tx: Write, arrival_id: str, why: str, *, tries: int) -> ArrivalState:
    """Its run could not be started: tried again later, and after `tries` times in all set aside for a person."""
    row = tx.row(table, {"arrival_id": arrival_id})
    if row["state"] != "received":
        return arrival_row(row).state
    count = row["tries"] + 1
    state: ArrivalState = "set_aside" if count >= tries else "received"
    later = {"state": state, "why": why, "tries": count, "due_at": tx.at + pause(count)}
    tx.changed(_one(arrival_id).values(**later))
    tx.journal("arrival_failed", None, arrival_id=arrival_id, state=state, why=why, tries=count)
    return state


@writes()
def retry_arrival(tx: Write, arrival_id: str, *, by: str) -> ArrivalRow:
    """A person sends on what was set aside: it is tried anew, from the first time on.

    Raises:
        LedgerError: it was not set aside.
    """
    aside = _one(arrival_id).where(table.c.state == "set_aside")
    if not tx.changed(aside.values(state="received", tries=0, due_at=tx.at)):
        row = tx.at_key(table, {"arrival_id": arrival_id})
        state = f"is {row['state'].replace('_', ' ')}" if row else "is not there"
        raise LedgerError(f"arrival {arrival_id} {state}: only what was set aside can be tried again")
    tx.journal("arrival_retried", None, arrival_id=arrival_id, by=by)
    return arrival_row(tx.row(table, {"arrival_id": arrival_id}))


@reads
def set_aside_of(tx: Read, agent: str) -> int:
    """How many arrivals of an agent wait for a person."""
    mine = (table.c.state == "set_aside", table.c.agent == agent)
    return int(tx.connection.scalar(select(func.count()).select_from(table).where(*mine)) or 0)


def pause(tries: int) -> timedelta:
    """Until the next try, after so many."""
    return min(FIRST_PAUSE * (1 << min(max(tries, 1), 10) - 1), LONGEST_PAUSE)


def _due(now: datetime) -> tuple[Any, ...]:
    return (table.c.state == "received", table.c.due_at <= now)


def _oldest(query: Select[Any]) -> Select[Any]:
    return query.order_by(table.c.received_at, table.c.arrival_id)


def _one(arrival_id: str) -> Update:
    return update(table).where(table.c.arrival_id == arrival_id)
