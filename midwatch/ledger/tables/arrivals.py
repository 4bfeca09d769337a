"""The ledger: which tables keep what came from outside, and what became of it?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, Table, UniqueConstraint

from midwatch.ledger.columns import Instant, Words
from midwatch.ledger.tables.schema import metadata

arrivals: Final = Table(
    "arrivals",
    metadata,
    Column("arrival_id", Words, primary_key=True),
    Column("agent", Words, nullable=False),
    Column("trigger", Words, nullable=False),
    Column("delivery", Words, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("payload", Words, nullable=False),
    Column("input_json", Words, nullable=False),
    Column("input_sha256", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("why", Words, nullable=False, server_default=""),
    Column("due_at", Instant, nullable=False),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("gathered_at", Instant),
    Column("joined", Words),
    Column("parent_run", Words),
    Column("run_id", Words),
    Column("started_at", Instant),
    UniqueConstraint("agent", "trigger", "delivery"),
    CheckConstraint("state IN ('received', 'started', 'refused', 'set_aside', 'coalesced')", name="state"),
    Index(None, "state", "agent", "due_at"),
    Index(None, "agent", "started_at"),
    Index(None, "started_at"),
    Index(None, "agent", "input_sha256"),
    Index(None, "received_at"),
    Index(None, "joined"),
)
"""One row for a delivery, however often it comes."""

chain_marks: Final = Table(
    "chain_marks",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("trigger", Words, primary_key=True),
    Column("seq", BigInteger, nullable=False),
)
"""How far each chain has read the journal. A place in it, no fact: it is not journaled itself."""
