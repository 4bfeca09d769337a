"""The ledger: which run executes what a rehearsal has staged, and what came of it? Taken once, settled as that run ends.

A call that is taken stands in its run on a question that is answered already: bound to the call's digest and good once, as
every yes (`grant.py`).
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

from sqlalchemy import select, update

from midwatch.errors import LedgerError
from midwatch.judgment import Loop
from midwatch.ledger import asks, labels
from midwatch.ledger.journal import sha256
from midwatch.ledger.staged import StagedRow, row_of, rows_of
from midwatch.ledger.tables import decisions, effects, journal
from midwatch.ledger.tables import staged as table
from midwatch.ledger.transaction import Read, Write, writes


@writes()
def take_staged(tx: Write, run_id: str, executing_run: str, good_for: timedelta) -> list[StagedRow]:
    """The approved calls of a rehearsal, from now on `executing_run`'s alone; in a later life of it the same ones.

    Each gets a question of that run, answered with the yes that stands. What the rehearsal had read, the run counts as having
    read.

    Args:
        good_for: how long after it was said a yes is one.

    Raises:
        LedgerError: the rehearsal was another agent's, `executing_run` is a rehearsal itself, or an approved call is not what
            the journal says was staged and approved.
    """
    rehearsal, run = tx.run(run_id), tx.run(executing_run)
    if rehearsal["agent"] != run["agent"] or run["shadow"]:
        raise LedgerError(f"run {executing_run!r} cannot carry out what run {run_id!r} has staged")
    for row in rows_of(tx, run_id):
        if row.state == "approved" and row.executing_run is None:
            _refuse_changed(tx, row)
            tx.changed(update(table).where(table.c.staged_id == row.staged_id).values(executing_run=executing_run))
            tx.journal("staged_taken", executing_run, staged_id=row.staged_id)
            _granted(tx, row, executing_run, good_for)
    for label in labels.labels_in(tx, run_id):
        labels.enter(tx, executing_run, label, f"run {run_id}, which rehearsed it, has it")
    return [row for row in rows_of(tx, run_id) if row.executing_run == executing_run]


def _refuse_changed(tx: Read, row: StagedRow) -> None:
    """A yes is carried over to a question of its own, so here is where another hand's row is seen. Raises LedgerError."""
    kinds = ("staged", "staged_decided")
    mine = select(journal.c.kind, journal.c.body).where(journal.c.run_id == row.run_id, journal.c.kind.in_(kinds))
    told: dict[str, dict[str, Any]] = {}
    for entry in tx.all(mine.order_by(journal.c.seq)):
        body = json.loads(entry["body"])
        if row.staged_id in (body.get("staged_id"), *body.get("staged_ids", ())):
            told[entry["kind"]] = body
    facts = {"call_id": row.call_id, "tool": row.tool, "digest": row.digest, "rule": row.rule}
    texts = {"args_json_sha256": sha256(row.args_json), "context_json_sha256": sha256(row.context_json)}
    said = {"state": row.state, "round": row.round, "by": row.by}
    staged, decided = told.get("staged", {}), told.get("staged_decided", {})
    if not (facts | texts).items() <= staged.items() or not said.items() <= decided.items():
        raise LedgerError(
            f"staged call {row.staged_id} ({row.tool}) is not what the journal says was staged and approved"
        )


def settled(tx: Write, executing_run: str, ending: Loop) -> None:
    """What became of each call that a run had taken, as a part of the transaction that ends it."""
    mine = select(table).where(table.c.executing_run == executing_run, table.c.state == "approved")
    for row in tx.all(mine):
        values = _became(tx, row_of(row), executing_run, ending)
        tx.changed(update(table).where(table.c.staged_id == row["staged_id"]).values(**values))
        tx.journal("staged_settled", executing_run, staged_id=row["staged_id"], **values)


def _became(tx: Read, row: StagedRow, executing_run: str, ending: Loop) -> dict[str, str | None]:
    mine = (effects.c.run_id == executing_run, effects.c.call_id == row.call_id)
    effect = tx.first(select(effects.c.state, effects.c.why).where(*mine))
    if effect is not None and effect["state"] in ("consumed", "unknown"):
        return {"state": "executed", "why": effect["why"]}
    if effect is None and (denied := _denied(tx, row, executing_run)):
        return {"state": "stale", "why": denied}
    if effect is None and ending == "finished":
        return {"state": "stale", "why": "its tool is not offered any more, or does not take it"}
    why = f"run {executing_run} ended without having done it"
    return {"state": "staged", "why": why, "executing_run": None}


def _denied(tx: Read, row: StagedRow, executing_run: str) -> str:
    """Why the gate would not let it through; "" where it was never asked, or did."""
    named = [f"{row.conversation}/{at}/{row.tool_call_id}" for at in ("gate", "gate-approved", "gate-again")]
    mine = (decisions.c.run_id == executing_run, decisions.c.position.in_(named))
    denied = select(decisions.c.rule, decisions.c.reason).where(*mine, decisions.c.verdict == "deny")
    found = tx.first(denied.order_by(decisions.c.at.desc()).limit(1))
    return f"{found['rule']}: {found['reason']}" if found else ""


def _granted(tx: Write, row: StagedRow, executing_run: str, good_for: timedelta) -> None:
    """The question that this call would be, and the answer that it has."""
    assert row.decided_at is not None
    ask_id = f"{executing_run}:{row.conversation}:{row.tool_call_id}"
    ask = row.as_asked(ask_id, executing_run, at=tx.at, deadline=row.decided_at + good_for)
    yes = {"verdict": "approved", "by": row.by, "via": row.via, "decided_because": row.because}
    asks.enter_decision(
        tx, asks.enter_ask(tx, ask), {**yes, "granted_digest": row.digest}, digest_seen=row.digest, staged=row.staged_id
    )
