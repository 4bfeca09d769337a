"""The ledger: which promotions does the evidence speak for? The system proposes; a person promotes, or says no."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from sqlalchemy import select, update

from midwatch.approval import is_person
from midwatch.errors import LedgerError
from midwatch.ledger.journal import sha256
from midwatch.ledger.levels import BY
from midwatch.ledger.tables import proposals
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.run import Level

ProposalVerdict = Literal["accepted", "refused", "withdrawn"]
REFUSED_FOR: Final = timedelta(days=30)
"""So long nothing is proposed again that a person said no to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    proposal_id: int
    agent: str
    rule: str | None
    """The class that is to go unasked; None: the agent's level."""
    to_level: Level
    evidence_json: str
    """What was known when it was opened."""
    opened_at: datetime
    closed_at: datetime | None
    closed_by: str | None
    verdict: ProposalVerdict | None
    closed_because: str | None


@writes()
def propose(tx: Write, agent: str, rule: str | None, to_level: Level, evidence_json: str) -> Proposal | None:
    """Open one; None where it is open already, or was refused a short while ago."""
    same = (proposals.c.agent == agent, proposals.c.rule.is_not_distinct_from(rule), proposals.c.to_level == to_level)
    row = tx.first(select(proposals).where(*same).order_by(proposals.c.proposal_id.desc()).limit(1))
    if row is not None and (row["closed_at"] is None or _still_no(row, tx.at)):
        return None
    facts = {"agent": agent, "rule": rule, "to_level": to_level}
    made = tx.insert(proposals, opened_at=tx.at, evidence_json=evidence_json, **facts)
    sealed = {"proposal_id": made["proposal_id"], "evidence_sha256": sha256(evidence_json)}
    tx.journal("promotion_proposed", None, **sealed, **facts)
    return Proposal(**made)


@writes()
def refuse_proposal(tx: Write, proposal_id: int, *, by: str, because: str) -> Proposal:
    """A person says no.

    Raises:
        LedgerError: there is none that is open, or nobody says why.
    """
    row = tx.first(select(proposals).where(proposals.c.proposal_id == proposal_id, proposals.c.closed_at.is_(None)))
    if row is None:
        raise LedgerError(f"no proposal {proposal_id} is open; `midwatch inbox` lists them")
    if not is_person(by, row["agent"]) or not because.strip():
        raise LedgerError(f"who refuses proposal {proposal_id}, and why? A person says both")
    return _closed(tx, row, "refused", by, because)


@writes()
def withdraw_proposal(tx: Write, proposal_id: int, because: str) -> Proposal | None:
    """The evidence does not speak for it any more; None where it is closed."""
    row = tx.first(select(proposals).where(proposals.c.proposal_id == proposal_id, proposals.c.closed_at.is_(None)))
    return None if row is None else _closed(tx, row, "withdrawn", BY, because)


def accept(tx: Write, agent: str, rule: str | None, by: str) -> None:
    """Within the transaction that promotes."""
    mine = (proposals.c.agent == agent, proposals.c.rule.is_not_distinct_from(rule), proposals.c.closed_at.is_(None))
    for row in tx.all(select(proposals).where(*mine)):
        _closed(tx, row, "accepted", by, "promoted")


@reads
def open_proposals(tx: Read, agent: str | None = None) -> list[Proposal]:
    """What waits for a person, the oldest first; of one agent or of all."""
    query = select(proposals).where(proposals.c.closed_at.is_(None)).order_by(proposals.c.proposal_id)
    return [Proposal(**row) for row in tx.all(query if agent is None else query.where(proposals.c.agent == agent))]


@reads
def proposals_of(tx: Read, agent: str) -> list[Proposal]:
    """All that there ever were of an agent, newest first."""
    query = select(proposals).where(proposals.c.agent == agent).order_by(proposals.c.proposal_id.desc())
    return [Proposal(**row) for row in tx.all(query)]


def _still_no(row: Any, now: datetime) -> bool:
    return bool(row["verdict"] == "refused" and now < row["closed_at"] + REFUSED_FOR)


def _closed(tx: Write, row: Any, verdict: ProposalVerdict, by: str, because: str) -> Proposal:
    said = {"verdict": verdict, "closed_by": by, "closed_because": because}
    mine = update(proposals).where(proposals.c.proposal_id == row["proposal_id"])
    tx.changed(mine.values(closed_at=tx.at, **said))
    tx.journal("promotion_closed", None, proposal_id=row["proposal_id"], **said)
    return Proposal(**{**row, **said, "closed_at": tx.at})
