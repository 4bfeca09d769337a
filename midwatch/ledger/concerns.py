"""The ledger: what has happened of which a person may have to know? Runs that did not end well, and how risky a tool is."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from midwatch.ledger.tables import asks, runs
from midwatch.ledger.transaction import Read, reads
from midwatch.outcome import GREEN, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that did not end well."""

    run_id: str
    agent: str
    outcome: Outcome
    finished_at: datetime
    unanswered: bool
    """Something that it asked for was refused by a person, or by silence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Green:
    """A run after which a failure is over."""

    run_id: str
    acted: bool
    """A person had done something: they started it, or the agent is not what it was when it failed."""


@reads
def ended_since(tx: Read, since: datetime) -> list[Ended]:
    """The oldest first; no rehearsal, and none that ended well, or that a breaker kept from beginning."""
    query = select(runs.c.run_id, runs.c.agent, runs.c.outcome, runs.c.finished_at)
    begun = runs.c.ending.is_distinct_from("held_off")
    ended = query.where(runs.c.finished_at >= since, runs.c.outcome.not_in(GREEN), begun, ~runs.c.shadow)
    bad = ended.order_by(runs.c.finished_at)
    return [Ended(**row, unanswered=refused(tx, row["run_id"])) for row in tx.all(bad)]


@reads
def green_after(tx: Read, agent: str, failed_run: str) -> Green | None:
    """The first run of `agent` that ended well after `failed_run` had ended."""
    failed = tx.run(failed_run)
    good = select(runs).where(runs.c.agent == agent, runs.c.outcome.in_(GREEN), ~runs.c.shadow)
    row = tx.first(good.where(runs.c.finished_at > failed["finished_at"]).order_by(runs.c.finished_at).limit(1))
    if row is None:
        return None
    acted = row["cause"] == "person" or row["fingerprint"] != failed["fingerprint"]
    return Green(run_id=row["run_id"], acted=acted)


@reads
def last_green(tx: Read, agent: str) -> datetime | None:
    """When a run of the agent last ended well."""
    good = select(runs.c.finished_at).where(runs.c.agent == agent, runs.c.outcome.in_(GREEN), ~runs.c.shadow)
    row = tx.first(good.order_by(runs.c.finished_at.desc()).limit(1))
    return None if row is None else row["finished_at"]


@reads
def risk_asked(tx: Read, agent: str, tool: str) -> str:
    """The risk class of `tool` when a person was last asked about it; "" where nobody ever was."""
    mine = select(asks.c.context_json).where(asks.c.agent == agent, asks.c.tool == tool, asks.c.kind == "approve")
    row = tx.first(mine.order_by(asks.c.created_at.desc()).limit(1))
    return "" if row is None else str(json.loads(row["context_json"]).get("risk", ""))


def refused(tx: Read, run_id: str) -> bool:
    """A person said no to something that the run asked for, or nothing."""
    said_no = asks.c.verdict.in_(("denied", "expired", "taken_over"))
    return tx.first(select(asks.c.ask_id).where(asks.c.run_id == run_id, said_no).limit(1)) is not None
