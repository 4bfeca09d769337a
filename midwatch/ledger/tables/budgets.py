"""The ledger: which tables keep what runs draw on together, and what a good run of an agent looks like?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Float, ForeignKey, Index, Table

from midwatch.ledger.columns import ROW_NUMBER, Instant, Usd, Words
from midwatch.ledger.tables.schema import metadata

run_totals: Final = Table(
    "run_totals",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("parent_id", Words, ForeignKey("runs.run_id")),
    Column("limits_json", Words),
    Column("stall_minutes", Float(53)),
    Column("runs", BigInteger, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd_nano", Usd, nullable=False),
    Column("seconds", Float(53), nullable=False),
    Column("unpriced_steps", BigInteger, nullable=False),
    Column("effects", BigInteger, nullable=False),
    Column("stepped_at", Instant, nullable=False),
    Column("last_step", Words),
)
"""What a run and all that it started have used, kept up to date with every step; the last one of its own, and when."""

house_limits: Final = Table(
    "house_limits",
    metadata,
    Column("limits_id", ROW_NUMBER, primary_key=True),
    Column("limits_json", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("because", Words, nullable=False),
    Column("at", Instant, nullable=False),
)
"""All of them, each time that one is changed; the latest row counts."""

habits: Final = Table(
    "habits",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("agent", Words, nullable=False),
    Column("fingerprint", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("traits_json", Words, nullable=False),
    Index(None, "agent", "fingerprint", "at"),
)
