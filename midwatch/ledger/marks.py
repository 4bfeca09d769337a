"""The ledger: which agent was it? Its fingerprints, and what is lost when one follows another."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, select, update

from midwatch.fingerprint import Fingerprint, changed, in_words
from midwatch.ledger import falls
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import fingerprints, runs
from midwatch.ledger.transaction import Read, Write, reads, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRow:
    agent: str
    fingerprint: str
    mark: Fingerprint
    first_at: datetime


@writes()
def see_fingerprint(tx: Write, agent: str, mark: Fingerprint) -> None:
    """A run of the agent begins, which is this now. What stands on another fingerprint falls at once."""
    told = mark.as_json()
    if tx.is_new(fingerprints, {"agent": agent, "fingerprint": mark.whole}, parts_json=told, first_at=tx.at):
        tx.journal("fingerprint_seen", None, agent=agent, fingerprint=mark.whole, parts_sha256=sha256(told))
    if stale := falls.standing_on_another(tx, agent, mark):
        falls.changed_since(tx, agent, mark, _what_changed(tx, agent, stale, mark))


@writes()
def belongs_to(tx: Write, run_id: str, mark: Fingerprint) -> None:
    """What the run shows is of this agent: the servers that it was the first to meet are pinned only since."""
    another = update(runs).where(runs.c.run_id == run_id, runs.c.evidence != mark.whole)
    if tx.changed(another.values(evidence=mark.whole)):
        tx.journal("run_belongs_to", run_id, evidence=mark.whole)


@reads
def last_fingerprint(tx: Read, agent: str) -> MarkRow | None:
    """Of its latest run that had one; None: there was none."""
    mine = (runs.c.agent == agent, runs.c.evidence != "")
    row = tx.first(select(runs.c.evidence).where(*mine).order_by(runs.c.started_at.desc()).limit(1))
    return None if row is None else find_mark(tx, agent, row["evidence"])


@reads
def fingerprint(tx: Read, agent: str, whole: str) -> MarkRow | None:
    """One of them; None: it is not known."""
    return find_mark(tx, agent, whole)


def find_mark(tx: Read, agent: str, whole: str) -> MarkRow | None:
    """`fingerprint` within a transaction."""
    row = tx.at_key(fingerprints, {"agent": agent, "fingerprint": whole})
    return None if row is None else _row(row)


def _what_changed(tx: Read, agent: str, stale: str, mark: Fingerprint) -> str:
    before = find_mark(tx, agent, stale)
    parts = changed(before.mark, mark) if before is not None else ()
    return f"{in_words(parts)} changed since" if parts else "it is not the agent any more that earned it"


def _row(row: RowMapping) -> MarkRow:
    facts = dict(row)
    return MarkRow(mark=Fingerprint.from_json(facts.pop("parts_json")), **facts)
