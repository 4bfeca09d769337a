"""The ledger: which tables keep the runs, and what they did?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    Table,
    false,
)

from midwatch.ledger.columns import Instant, Usd, Words
from midwatch.ledger.tables.schema import metadata

runs: Final = Table(
    "runs",
    metadata,
    Column("run_id", Words, primary_key=True),
    Column("agent", Words, nullable=False),
    Column("cause", Words, nullable=False),
    Column("slot", Words),
    Column("level", Integer, nullable=False),
    Column("asked_level", Integer),
    Column("input_json", Words, nullable=False),
    Column("fingerprint", Words, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", Words),
    Column("ending", Words),
    Column("reason", Words, nullable=False, server_default=""),
    Column("findings_json", Words, nullable=False, server_default="[]"),
    Column("evidence", Words, nullable=False, server_default=""),
    Column("shadow", Boolean, nullable=False, server_default=false()),
    CheckConstraint("level BETWEEN 1 AND 5", name="level"),
    Index(None, "agent", "started_at"),
    Index(None, "started_at"),
    Index(None, "finished_at"),
)

steps: Final = Table(
    "steps",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("position", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("detail", Words, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("usd_nano", Usd),
    Column("seconds", Float(53), nullable=False),
    Column("at", Instant, nullable=False),
    Column("result_json", Words),
    Column("request_digest", Words),
    CheckConstraint("tokens_in >= 0 AND tokens_out >= 0 AND seconds >= 0 AND coalesce(usd_nano, 0) >= 0", name="cost"),
)

day_totals: Final = Table(
    "day_totals",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd_nano", Usd, nullable=False),
    Column("seconds", Float(53), nullable=False),
    Column("unpriced_steps", BigInteger, nullable=False),
    Column("effects", BigInteger, nullable=False, server_default="0"),
    Index(None, "day"),
)
"""Kept up to date with every step, so that a limit is read in one row however long the day was."""

labels: Final = Table(
    "labels",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("label", Words, primary_key=True),
    Column("why", Words, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("label IN ('untrusted', 'private')", name="label"),
)
