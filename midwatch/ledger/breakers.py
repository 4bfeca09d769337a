"""The ledger: may a run of this agent begin, or has its breaker opened? Every transition is one transaction.

    open_breaker ──> open ── half_open ──> half_open ── admitted: one run ── close_breaker ──> closed
                      ^                        │
                      └── reopen, put_off ─────┘

Two keepers may do all of it at once: each transition is made by the one that finds the state before it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, assert_never

from sqlalchemy import RowMapping, select, update

from midwatch.alike import cause_of
from midwatch.breaker import BreakerState, Row, counts
from midwatch.ledger import falls
from midwatch.ledger.concerns import refused
from midwatch.ledger.tables import breakers, runs
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.outcome import GREEN, Outcome

LOOKED_AT: Final = 4
"""For each run that counts, at most: the others say nothing about the agent."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakerRow:
    agent: str
    state: BreakerState
    cause: str
    """The failure that opened it; see `alike.cause_of`."""
    failures: int
    """In a row, when it opened first."""
    openings: int
    """In a row: 1, and one more for each probe that failed."""
    opened_at: datetime
    """The first of them."""
    last_run: str
    """The run that opened it, or the probe that failed."""
    probe_at: datetime
    """When it is half open."""
    probe_run: str | None
    """Half open: the one run that may begin, once it has."""
    paused: tuple[str, ...]
    """Deployments that the breaker paused, and nobody else."""
    settled: bool
    """Prefect knows of the state: paused while it is not closed, no longer where it is."""
    closed_at: datetime | None
    closed_by: str | None
    """A person, or `run ID`."""
    closed_because: str | None

    def words(self) -> str:
        """Why no run begins; the reason of every run that it holds off."""
        since = f"{self.opened_at:%Y-%m-%d %H:%M} UTC"
        why = f"{self.failures} runs in a row did not end well ({self.cause.strip()})"
        match self.state:
            case "closed":
                return "the breaker of this agent is closed"
            case "half_open":
                then = "and one run is being tried"
            case "open":
                then = f"and one run is tried at {self.probe_at:%Y-%m-%d %H:%M} UTC"
            case _:
                assert_never(self.state)
        mended = f"when it is mended: `midwatch breaker {self.agent} --close --because ...`"
        return f"the breaker of this agent is open since {since}: {why}, {then}; {mended}"


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """A run that counts for the breaker."""

    run_id: str
    finished_at: datetime
    cause: str | None
    """None: it ended well."""


@reads
def breaker(tx: Read, agent: str) -> BreakerRow | None:
    """The agent's; None where it has never opened."""
    row = tx.at_key(breakers, {"agent": agent})
    return None if row is None else _row(row)


@reads
def breakers_of(tx: Read) -> list[BreakerRow]:
    """Every one that ever opened, by agent; at most one an agent."""
    return [_row(row) for row in tx.all(select(breakers).order_by(breakers.c.agent))]


@reads
def agents_ended_since(tx: Read, since: datetime) -> list[str]:
    """Agents of which a run has ended since then."""
    ended = tx.all(select(runs.c.agent).where(runs.c.finished_at >= since, ~runs.c.shadow).order_by(runs.c.finished_at))
    return sorted({str(row["agent"]) for row in ended})


@reads
def ended_runs(tx: Read, agent: str, *, limit: int, after: datetime | None = None) -> list[EndedRun]:
    """The latest runs that ended after that moment, the latest first; without those that say nothing about the agent.

    Such are rehearsals, those that do not count (`breaker.counts`), and what a person's no, or their silence, has ended.
    """
    ended = _ENDED.where(runs.c.agent == agent, runs.c.outcome != "verified_noop")  # of which there may be any number
    since = ended if after is None else ended.where(runs.c.finished_at > after)
    found: list[EndedRun] = []
    for row in tx.all(since.order_by(runs.c.finished_at.desc(), runs.c.run_id).limit(limit * LOOKED_AT)):
        if len(found) == limit:
            break
        if (counted := _counted(tx, row)) is not None:
            found.append(counted)
    return found


@reads
def counted_run(tx: Read, run_id: str) -> EndedRun | None:
    """A run that has ended; None where that says nothing about its agent."""
    row = tx.first(_ENDED.where(runs.c.run_id == run_id))
    return None if row is None else _counted(tx, row)


def _counted(tx: Read, row: RowMapping) -> EndedRun | None:
    outcome: Outcome = row["outcome"]
    if not counts(outcome, row["ending"]) or (outcome == "blocked" and refused(tx, row["run_id"])):
        return None
    cause = None if outcome in GREEN else cause_of(outcome, row["reason"])
    return EndedRun(run_id=row["run_id"], finished_at=row["finished_at"], cause=cause)


_ENDED: Final = select(runs.c.run_id, runs.c.finished_at, runs.c.outcome, runs.c.reason, runs.c.ending).where(
    runs.c.finished_at.is_not(None), ~runs.c.shadow
)


@writes()
def open_breaker(tx: Write, agent: str, why: Row, *, last_run: str, probe_at: datetime) -> bool:
    """It opens; False where it is not closed, or `last_run` ended before it was closed."""
    standing = tx.at_key(breakers, {"agent": agent})
    if standing is not None and (standing["state"] != "closed" or _before(tx, last_run, standing["closed_at"])):
        return False
    facts = {"cause": why.cause, "failures": why.failures, "last_run": last_run, "probe_at": probe_at}
    fresh = {"state": "open", "openings": 1, "opened_at": tx.at, "probe_run": None, "settled": 0, **facts}
    fresh |= {"closed_at": None, "closed_by": None, "closed_because": None}
    if standing is None:
        tx.insert(breakers, agent=agent, paused_json="[]", **fresh)
    else:
        tx.changed(update(breakers).where(breakers.c.agent == agent).values(**fresh))
    tx.journal("breaker_opened", None, agent=agent, **facts)
    falls.breaker_opened(tx, agent)
    return True


@writes()
def half_open(tx: Write, agent: str) -> bool:
    """Its cool-down is over: one run may begin. False where it is not open, or it is too early."""
    due = update(breakers).where(breakers.c.agent == agent, breakers.c.state == "open", breakers.c.probe_at <= tx.at)
    if not tx.changed(due.values(state="half_open", probe_run=None)):
        return False
    tx.journal("breaker_half_opened", None, agent=agent)
    return True


@writes()
def admitted(tx: Write, agent: str, run_id: str) -> BreakerRow | None:
    """None: the run may begin. Half open, the first one that asks is the probe; it is let in again in each of its lives."""
    standing = tx.at_key(breakers, {"agent": agent})
    if standing is None or standing["state"] == "closed":
        return None
    if standing["state"] == "half_open" and standing["probe_run"] in (None, run_id):
        if standing["probe_run"] is None:
            tx.changed(update(breakers).where(breakers.c.agent == agent).values(probe_run=run_id))
            tx.journal("breaker_probed", run_id, agent=agent)
        return None
    return _row(standing)


@writes()
def reopen(tx: Write, agent: str, probe_run: str, *, cause: str, probe_at: datetime) -> bool:
    """Its probe has failed; False where that was seen to before."""
    mine = update(breakers).where(
        breakers.c.agent == agent, breakers.c.state == "half_open", breakers.c.probe_run == probe_run
    )
    again = {"state": "open", "openings": breakers.c.openings + 1, "probe_run": None}
    if not tx.changed(mine.values(**again, last_run=probe_run, cause=cause, probe_at=probe_at)):
        return False
    tx.journal("breaker_reopened", None, agent=agent, probe_run=probe_run, cause=cause, probe_at=probe_at)
    return True


@writes()
def put_off(tx: Write, agent: str, probe_run: str | None, *, probe_at: datetime) -> bool:
    """Its probe has said nothing about the agent, or (None) ended before it was let in: another one at that time.

    False where that was seen to before, or a probe was let in meanwhile.
    """
    half_open = update(breakers).where(breakers.c.agent == agent, breakers.c.state == "half_open")
    mine = half_open.where(breakers.c.probe_run.is_not_distinct_from(probe_run))
    if not tx.changed(mine.values(state="open", probe_run=None, probe_at=probe_at)):
        return False
    tx.journal("breaker_put_off", None, agent=agent, probe_run=probe_run, probe_at=probe_at)
    return True


@writes()
def close_breaker(tx: Write, agent: str, *, by: str, because: str, probe_run: str | None = None) -> bool:
    """It is closed, and what it paused goes on; False where it was closed, or another run than `probe_run` is the probe."""
    not_closed = update(breakers).where(breakers.c.agent == agent, breakers.c.state != "closed")
    mine = not_closed if probe_run is None else not_closed.where(breakers.c.probe_run == probe_run)
    facts = {"closed_by": by, "closed_because": because}
    if not tx.changed(mine.values(state="closed", closed_at=tx.at, settled=0, probe_run=None, **facts)):
        return False
    tx.journal("breaker_closed", None, agent=agent, **facts)
    return True


@writes()
def breaker_pauses(tx: Write, agent: str, deployments: Sequence[str]) -> bool:
    """Written down before they are paused, so that no more than these is ever un-paused. False where it is not open."""
    row = tx.at_key(breakers, {"agent": agent})
    if row is None or row["state"] == "closed":
        return False
    paused = sorted({*json.loads(row["paused_json"]), *deployments})
    tx.changed(update(breakers).where(breakers.c.agent == agent).values(paused_json=json.dumps(paused)))
    tx.journal("breaker_paused", None, agent=agent, deployments=paused)
    return True


@writes()
def breaker_settled(tx: Write, agent: str, state: BreakerState) -> bool:
    """Prefect knows; where it is closed, nothing is paused by it any more. False where it has changed in the meantime."""
    closed = breakers.c.state == "closed" if state == "closed" else breakers.c.state != "closed"
    values: dict[str, object] = {"settled": 1, **({"paused_json": "[]"} if state == "closed" else {})}
    if not tx.changed(update(breakers).where(breakers.c.agent == agent, closed).values(**values)):
        return False
    tx.journal("breaker_settled", None, agent=agent, state=state)
    return True


def _before(tx: Read, run_id: str, moment: datetime | None) -> bool:
    finished = tx.run(run_id)["finished_at"]
    return moment is not None and (finished is None or finished <= moment)


def _row(row: RowMapping) -> BreakerRow:
    facts = dict(row)
    paused = tuple(json.loads(facts.pop("paused_json")))
    return BreakerRow(paused=paused, settled=bool(facts.pop("settled")), **facts)
