"""The ledger: what did a class of actions do, and what is held against each? Read from the record, never kept twice.

What a person approved unchanged and what then ran, and whatever speaks against it: a no, a change, an incident. Planted
proposals, what expired and what was taken over say nothing; and what ran unasked says nothing good, since nobody looked.

A whole run that is charged counts once against each class that acted in it, with its last action there; the others of that run
say nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, RowMapping, and_, select

from midwatch.ladder import CLEAN, MAJOR, MINOR, Action, window_of
from midwatch.ledger.classes import PARTS
from midwatch.ledger.tables import asks, decisions, effects, incidents, runs, staged
from midwatch.ledger.transaction import Read
from midwatch.risk import Risk

FAILED_TOOL: Final = '%"kind": "tool_failed"}'
"""How the result ends of a tool that failed and certainly did nothing."""

_EXECUTING: Final = select(staged.c.executing_run).where(staged.c.executing_run.is_not(None))


def actions_of(tx: Read, agent: str, rule: str, fingerprint: str, risk: Risk, now: datetime) -> tuple[Action, ...]:
    """As they were at `now`, the oldest first: what was decided, done or reported later is not known yet."""
    rows = _asked(tx, agent, rule, fingerprint, now)
    asked = [action for row in rows if (action := _action(row, risk, now)) is not None]
    charged = _charged(asked, _charges(tx, agent, rule, fingerprint, now))
    return tuple(sorted(charged, key=lambda action: (action.at, action.run_id, action.call_id)))


def about(agent: str) -> tuple[ColumnElement[bool], ...]:
    """Of the questions about the agent's calls; a test is none."""
    return asks.c.agent == agent, asks.c.kind == "approve", asks.c.planted == ""


def as_it_is(fingerprint: str) -> ColumnElement[bool]:
    """Of the runs that were this agent, at work.

    A rehearsal is evidence of nothing; nor is a run that executes what a person picked from one and left the rest.
    """
    return and_(runs.c.evidence == fingerprint, ~runs.c.shadow, runs.c.run_id.not_in(_EXECUTING))


def _asked(tx: Read, agent: str, rule: str, fingerprint: str, now: datetime) -> Sequence[RowMapping]:
    """Its calls that a person decided about, each with what became of it."""
    said = [asks.c[name] for name in ("run_id", "call_id", "digest", "verdict", "decided_at")]
    came = [effects.c.state, effects.c.settled_at, effects.c.result_json.like(FAILED_TOOL).label("did_nothing")]
    its_own = and_(effects.c.run_id == asks.c.run_id, effects.c.call_id == asks.c.call_id)
    query = select(*said, *came, runs.c.finished_at, runs.c.outcome).join(runs, runs.c.run_id == asks.c.run_id)
    mine = (*about(agent), asks.c.rule == rule, as_it_is(fingerprint))
    decided = asks.c.verdict.in_(("approved", "edited", "denied"))
    return tx.all(query.outerjoin(effects, its_own).where(*mine, decided, asks.c.decided_at <= now))


def _action(row: RowMapping, risk: Risk, now: datetime) -> Action | None:
    """What a decided call shows; None: nothing. It did not run, nobody knows yet, or the run came to no good all the same."""
    same = {"args_sha256": row["digest"], "run_id": row["run_id"], "call_id": row["call_id"]}
    settled = row["settled_at"] is not None and row["settled_at"] <= now
    ended = row["finished_at"] is not None and row["finished_at"] <= now
    match row["verdict"], row["state"] if settled else None:
        case "denied", _:
            return Action(at=row["decided_at"], severity=MAJOR, ripe=True, why="a person denied it", **same)
        case "edited", _:
            return Action(at=row["decided_at"], severity=MINOR, ripe=True, why="a person changed it", **same)
        case _, "unknown":
            why = "nobody saw whether it happened"
            return Action(at=row["settled_at"], severity=MAJOR, ripe=True, why=why, **same)
        case _, "consumed" if not row["did_nothing"] and not (ended and row["outcome"] == "failed"):
            ripe = ended and row["settled_at"] + window_of(risk) <= now
            return Action(at=row["settled_at"], severity=CLEAN, ripe=ripe, **same)
        case _:
            return None


def _charges(tx: Read, agent: str, rule: str, fingerprint: str, now: datetime) -> list[RowMapping]:
    """What is held against the class: its own incidents, and those of whole runs in which it acted."""
    columns = [incidents.c[name] for name in ("run_id", "call_id", "rule", "severity", "at", "because", "by")]
    query = select(*columns, runs.c.finished_at).join(runs, runs.c.run_id == incidents.c.run_id)
    mine = (incidents.c.agent == agent, as_it_is(fingerprint), incidents.c.at <= now)
    found = tx.all(query.where(*mine).order_by(incidents.c.incident_id))
    return [row for row in found if _is_its_own(tx, row, agent, rule, now)]


def _is_its_own(tx: Read, charge: RowMapping, agent: str, rule: str, now: datetime) -> bool:
    """Whether what is charged was a call of the class, or of a run in which it had acted by `now`."""
    if charge["rule"] is not None:
        return rule in (charge["rule"], *charge["rule"].split(PARTS))
    run_id = charge["run_id"]
    by_now = asks.c.created_at <= now
    asked = select(asks.c.run_id).where(*about(agent), asks.c.rule == rule, asks.c.run_id == run_id, by_now)
    allowed = (decisions.c.verdict == "allow", decisions.c.rule == rule, decisions.c.at <= now)
    let_through = (*allowed, decisions.c.run_id == run_id)
    return tx.first(asked) is not None or tx.first(select(decisions.c.run_id).where(*let_through)) is not None


def _charged(asked: Iterable[Action], charges: Sequence[RowMapping]) -> list[Action]:
    """The actions with what is held against them. What ran unasked is known here by its charge alone."""
    found = {(action.run_id, action.call_id): action for action in sorted(asked, key=lambda action: action.at)}
    for charge in charges:
        key = (charge["run_id"], charge["call_id"])
        if charge["call_id"] is None:
            key = _blamed(found, charge["run_id"])
        found[key] = _worse(found.get(key), charge, key)
    return list(found.values())


def _blamed(found: dict[tuple[str, str], Action], run_id: str) -> tuple[str, str]:
    """The last action of the run, and no clean one of it is left; where none is known, the run as a whole."""
    mine = [key for key in found if key[0] == run_id]
    for key in mine[:-1]:
        if found[key].severity == CLEAN:
            del found[key]
    return mine[-1] if mine else (run_id, "")


def _worse(known: Action | None, charge: RowMapping, key: tuple[str, str]) -> Action:
    severity = MAJOR if charge["severity"] == "major" else MINOR
    why = f"{charge['severity']} incident, {charge['by']}: {charge['because']}"
    if known is None:
        at = min(charge["at"], charge["finished_at"] or charge["at"])
        args = f"{key[0]}/{key[1]}"
        return Action(at=at, severity=severity, args_sha256=args, ripe=True, run_id=key[0], call_id=key[1], why=why)
    if known.severity >= severity:
        return known
    return replace(known, severity=severity, ripe=True, why=why)
