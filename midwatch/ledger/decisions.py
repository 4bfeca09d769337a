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
def record_decision(
    tx: Write, run_id: str, position: str, *, tool: str, args_json: str, digest: str, decision: Decision
) -> DecisionRow:
    """Write the gate's answer to one call. The first answer at this position to this digest stands, and is returned."""
    tx.run(run_id)
    answer = {"verdict": decision.verdict, "rule": decision.rule, "reason": decision.reason}
    key = {"run_id": run_id, "position": position, "digest": digest}
    row, new = tx.enter(decisions, key, tool=tool, args_json=args_json, at=tx.at, **answer)
    if new:
        sealed = {"position": position, "digest": digest, "args_sha256": sha256(args_json)}
        tx.journal("decision", run_id, tool=tool, **sealed, **answer)
    return DecisionRow(**row)


@reads
def decisions_of(tx: Read, run_id: str) -> list[DecisionRow]:
    """Every decision of a run, in the order in which they were made."""
    query = select(decisions).where(decisions.c.run_id == run_id).order_by(decisions.c.at, decisions.c.position)
    return [DecisionRow(**row) for row in tx.all(query)]
