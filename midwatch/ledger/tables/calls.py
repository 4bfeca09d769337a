"""The ledger: which tables keep the calls: what was decided, asked, done and taken?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Index, Integer, Table, UniqueConstraint

from midwatch.ledger.columns import ROW_NUMBER, Instant, Words
from midwatch.ledger.tables.schema import metadata

decisions: Final = Table(
    "decisions",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("position", Words, primary_key=True),
    Column("digest", Words, primary_key=True),
    Column("tool", Words, nullable=False),
    Column("args_json", Words, nullable=False),
    Column("verdict", Words, nullable=False),
    Column("rule", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("at", Instant, nullable=False),
)

asks: Final = Table(
    "asks",
    metadata,
    Column("ask_id", Words, primary_key=True),
    Column("run_id", Words, ForeignKey("runs.run_id"), nullable=False, index=True),
    Column("agent", Words, nullable=False),
    Column("call_id", Words, nullable=False),
    Column("tool", Words, nullable=False),
    Column("args_json", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("rule", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("words", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("deadline", Instant),
    Column("verdict", Words),
    Column("by", Words),
    Column("via", Words),
    Column("decided_at", Instant),
    Column("decided_because", Words),
    Column("edited_args_json", Words),
    Column("answer", Words),
    Column("granted_digest", Words),
    Column("spent_at", Instant),
    Column("context_json", Words, nullable=False, server_default="{}"),
    Column("planted", Words, nullable=False, server_default=""),
    Index(None, "verdict", "deadline"),
)

effects: Final = Table(
    "effects",
    metadata,
    Column("effect_id", ROW_NUMBER, primary_key=True),
    Column("run_id", Words, ForeignKey("runs.run_id"), nullable=False),
    Column("call_id", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("tool", Words, nullable=False),
    Column("args_json", Words, nullable=False),
    Column("idempotency_key", Words, nullable=False),
    Column("ask_id", Words, ForeignKey("asks.ask_id")),
    Column("state", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("result_json", Words),
    Column("why", Words, nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("undo", Words, nullable=False, server_default=""),
    UniqueConstraint("run_id", "call_id"),
    CheckConstraint("state IN ('reserved', 'consumed', 'released', 'unknown')", name="state"),
)

draws: Final = Table(
    "draws",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("call_id", Words, primary_key=True),
    Column("rule", Words, primary_key=True),
    Column("agent", Words, nullable=False),
    Column("measure", Words, nullable=False),
    Column("amount", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "agent", "rule", "at"),
)
"""An amount is text, digit for digit: no database adds decimals of any size exactly."""

probes: Final = Table(
    "probes",
    metadata,
    Column("probe_id", ROW_NUMBER, primary_key=True),
    Column("model", Words, nullable=False, index=True),
    Column("fingerprint", Words, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("detail", Words, nullable=False),
    Column("at", Instant, nullable=False),
)

pins: Final = Table(
    "pins",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("server", Words, primary_key=True),
    Column("tool", Words, primary_key=True),
    Column("pinned", Words),
    Column("pinned_at", Instant),
    Column("by", Words),
    Column("seen", Words, nullable=False),
    Column("seen_at", Instant, nullable=False),
)
