"""The ledger: which tables keep what agents have earned, what is charged to them, and what was proposed?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table, text

from midwatch.ledger.columns import ROW_NUMBER, Instant, Words
from midwatch.ledger.tables.calls import asks
from midwatch.ledger.tables.chain import journal
from midwatch.ledger.tables.schema import metadata
from midwatch.ledger.tables.work import runs

class_moves: Final = Table(
    "class_moves",
    metadata,
    Column("move_id", ROW_NUMBER, primary_key=True),
    Column("agent", Words, nullable=False),
    Column("rule", Words, nullable=False),
    Column("stands", Words, nullable=False),
    Column("basis", Words, nullable=False),
    Column("fingerprint", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("via", Words, nullable=False),
    Column("because", Words, nullable=False),
    Column("evidence_json", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("until", Instant),
    CheckConstraint("stands IN ('ask', 'allow')", name="stands"),
    CheckConstraint("basis IN ('earned', 'override', 'fall', 'person')", name="basis"),
    Index(None, "agent", "rule", "move_id"),
)
"""A class is an agent and the rule that asks; its latest row counts."""

incidents: Final = Table(
    "incidents",
    metadata,
    Column("incident_id", ROW_NUMBER, primary_key=True),
    Column("agent", Words, nullable=False),
    Column("run_id", Words, ForeignKey("runs.run_id"), nullable=False, index=True),
    Column("call_id", Words),
    Column("rule", Words),
    Column("severity", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("via", Words, nullable=False),
    Column("because", Words, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("severity IN ('minor', 'major')", name="severity"),
    Index(None, "agent", "incident_id"),
)
"""What a run is charged with, whenever it was found; without a call, all of the run."""

proposals: Final = Table(
    "proposals",
    metadata,
    Column("proposal_id", ROW_NUMBER, primary_key=True),
    Column("agent", Words, nullable=False),
    Column("rule", Words),
    Column("to_level", Integer, nullable=False),
    Column("evidence_json", Words, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Words),
    Column("verdict", Words),
    Column("closed_because", Words),
    CheckConstraint("verdict IN ('accepted', 'refused', 'withdrawn')", name="verdict"),
    Index(None, "closed_at"),
    Index(None, "agent", "proposal_id"),
)
"""A promotion that the evidence is enough for; without a rule, of the agent's level."""

fingerprints: Final = Table(
    "fingerprints",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("fingerprint", Words, primary_key=True),
    Column("parts_json", Words, nullable=False),
    Column("first_at", Instant, nullable=False),
)
"""What an agent's evidence belongs to; `runs.evidence` says which of them a run was."""

layers_seen: Final = Table(
    "layers_seen",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("fingerprint", Words, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("detail", Words, nullable=False),
    Column("at", Instant, nullable=False),
)
"""What the last `midwatch check` of an agent has found."""

Index("ix_runs_agent_evidence", runs.c.agent, runs.c.evidence, runs.c.started_at)
Index("ix_asks_agent_rule", asks.c.agent, asks.c.rule)

_PLANTED: Final = text("planted <> ''")
Index("ix_asks_planted", asks.c.agent, sqlite_where=_PLANTED, postgresql_where=_PLANTED)

_SIGNED: Final = text("kind = 'level_granted' OR kind = 'class_moved'")
Index("ix_journal_signed", journal.c.kind, journal.c.seq, sqlite_where=_SIGNED, postgresql_where=_SIGNED)
"""The few links that say what agents are trusted with: they are found without a walk through all others."""
