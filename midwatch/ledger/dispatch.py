"""The ledger: which arrivals are to be started now, for which of them is one run, and what came of it?"""

from __future__ import annotations

import json
from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Select, Update, exists, func, or_, select, update

from midwatch.budget import Pool, meters
from midwatch.errors import LedgerError
from midwatch.ledger import budgets, days
from midwatch.ledger.arrivals import ArrivalRow, ArrivalState, arrival_row
from midwatch.ledger.journal import canonical, sha256
from midwatch.ledger.tables import arrivals as table
from midwatch.ledger.tables import runs, steps
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.spec import DayLimits

FIRST_PAUSE: Final = timedelta(seconds=2)
"""Between two tries to start an arrival's run; doubled each time."""
LONGEST_PAUSE: Final = timedelta(minutes=5)
LONGEST_WAIT: Final = timedelta(days=1)
"""For others to join, as an agent's file can say at most."""
A_DAY: Final = timedelta(days=1)

Together = Callable[[Sequence[Mapping[str, Any]]], Mapping[str, Any]]
"""The inputs of several arrivals, oldest first, as the input of one run."""
Fits = Callable[[Mapping[str, Any]], bool]
"""Whether a run takes this input."""


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
    """How many runs arrivals have started, up to a day after that moment."""
    within = (table.c.started_at > since, table.c.started_at <= since + LONGEST_WAIT)  # a clock may have been ahead
    mine = select(func.count()).select_from(table).where(table.c.agent == agent, *within)
    return int(tx.connection.scalar(mine.where(table.c.state == "started")) or 0)


@reads
def runs_left_today(tx: Read, agent: str, per_day: DayLimits, now: datetime, *, at_most: int) -> int:
    """How many runs of the agent may still begin on this UTC day, by its own limits and by those of the house.

    Those that arrivals have asked for and that are yet to begin have their place already.
    """
    day = days.utc_day(now)
    pools = [Pool(scope="day", bounds=per_day, used=days.of_agent(tx, agent, day)), *budgets.house_pools(tx, day)]
    bound = meters(pools)
    if any(meter.is_spent for meter in bound):
        return 0
    runs_bound = [meter for meter in bound if meter.measure == "runs"]
    free = [int(meter.left) - _to_begin(tx, agent if meter.scope == "day" else None, now) for meter in runs_bound]
    return max(0, min([at_most, *free]))


@writes()
def gather_arrivals(
    tx: Write, arrival_id: str, together: Together, fits: Fits, *, most: int, most_bytes: int
) -> tuple[ArrivalRow, int]:
    """Settle once and for all which arrivals the run of this one is for: it, and what else waits of its trigger,
    as far as one input fits with all of it.

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
    said = [json.loads(one) for one in inputs]
    count = _fitting(said, together, fits)
    others = others[: count - 1]
    input_json = canonical(dict(together(said[:count])))
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
def set_aside_of(tx: Read, agent: str | None) -> int:
    """How many arrivals wait for a person; of one agent or of all."""
    aside = select(func.count()).select_from(table).where(table.c.state == "set_aside")
    return int(tx.connection.scalar(aside if agent is None else aside.where(table.c.agent == agent)) or 0)


def pause(tries: int) -> timedelta:
    """Until the next try, after so many."""
    return min(FIRST_PAUSE * (1 << min(max(tries, 1), 10) - 1), LONGEST_PAUSE)


def _fitting(inputs: Sequence[Mapping[str, Any]], together: Together, fits: Fits) -> int:
    """How many of the oldest one run takes: at least the first, which was looked at when it came."""
    if fits(together(inputs)):
        return len(inputs)
    more = range(2, len(inputs))
    return 1 + bisect_left(more, True, key=lambda count: not fits(together(inputs[:count])))


def _to_begin(tx: Read, agent: str | None, now: datetime) -> int:
    """Runs that arrivals have asked for since a day ago, and that neither count yet nor have ended; of one agent or of all.

    A run counts from its first step on.
    """
    stepped = exists().where(steps.c.run_id == table.c.run_id)
    begun = or_(stepped, exists().where(runs.c.run_id == table.c.run_id, runs.c.finished_at.is_not(None)))
    asked = select(func.count()).select_from(table).where(table.c.started_at > now - A_DAY, ~begun)
    mine = asked if agent is None else asked.where(table.c.agent == agent)
    return int(tx.connection.scalar(mine.where(table.c.state == "started")) or 0)


def _due(now: datetime) -> tuple[Any, ...]:
    """What is to wait for longer than anything does was entered by a clock that was ahead."""
    return (table.c.state == "received", or_(table.c.due_at <= now, table.c.due_at > now + LONGEST_WAIT))


def _oldest(query: Select[Any]) -> Select[Any]:
    return query.order_by(table.c.received_at, table.c.arrival_id)


def _one(arrival_id: str) -> Update:
    return update(table).where(table.c.arrival_id == arrival_id)
