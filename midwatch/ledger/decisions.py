"""The ledger: what did the gate answer, to which call, and why?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from midwatch.decision import Decision, Verdict
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import decisions
from midwatch.ledger.transaction import Read, Write, reads, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """The gate's answer to one call, before it stands in the ledger."""

    position: str
    tool: str
    args_json: str
    digest: str
    decision: Decision


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionRow:
    run_id: str
    position: str
    digest: str
    tool: str
    args_json: str
    verdict: Verdict
    rule: str
    reason: str
    at: datetime


@writes(durable=False)
def record_decision(tx: Write, run_id: str, decided: Decided) -> DecisionRow:
    """Write the gate's answer to one call. The first answer at this position to this digest stands, and is returned."""
    tx.agent_of(run_id)
    enter(tx, run_id, decided)
    return DecisionRow(**tx.row(decisions, _key(run_id, decided)))


def enter(tx: Write, run_id: str, decided: Decided) -> None:
    """`record_decision` as a part of a larger transaction."""
    made = decided.decision
    answer = {"verdict": made.verdict, "rule": made.rule, "reason": made.reason}
    facts = {"tool": decided.tool, "args_json": decided.args_json, "at": tx.at, **answer}
    if tx.is_new(decisions, _key(run_id, decided), **facts):
        sealed = {
            "position": decided.position,
            "digest": decided.digest,
            "args_sha256": sha256(decided.args_json),
        }
        tx.journal("decision", run_id, tool=decided.tool, **sealed, **answer)


def _key(run_id: str, decided: Decided) -> dict[str, object]:
    return {"run_id": run_id, "position": decided.position, "digest": decided.digest}


@reads
def decisions_of(tx: Read, run_id: str) -> list[DecisionRow]:
    """Every decision of a run, in the order in which they were made."""
    query = select(decisions).where(decisions.c.run_id == run_id).order_by(decisions.c.at, decisions.c.position)
    return [DecisionRow(**row) for row in tx.all(query)]
