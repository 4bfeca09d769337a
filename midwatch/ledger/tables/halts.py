"""The ledger: which tables keep the halts, and whether they still bite?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, Index, Table

from midwatch.ledger.columns import ROW_NUMBER, Instant, Words
from midwatch.ledger.tables.schema import metadata

halts: Final = Table(
    "halts",
    metadata,
    Column("halt_id", ROW_NUMBER, primary_key=True),
    Column("scope", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("via", Words, nullable=False),
    Column("because", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("lifted_at", Instant),
    Column("lifted_by", Words),
    Column("lifted_via", Words),
    Column("lifted_because", Words),
    CheckConstraint("scope IN ('all', 'agent', 'run')", name="scope"),
    Index(None, "lifted_at"),
)
"""Only the four columns of its lifting are ever changed."""

halt_checks: Final = Table(
    "halt_checks",
    metadata,
    Column("check_id", ROW_NUMBER, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("held", Boolean, nullable=False),
    Column("detail", Words, nullable=False),
)
"""What the scheduled self-test of the latch has seen."""
