"""The ledger: which tables keep what Midwatch noticed by itself: breakers, alarms, and when a person was last there?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, Integer, Table

from midwatch.ledger.columns import Instant, Words
from midwatch.ledger.tables.calls import asks
from midwatch.ledger.tables.schema import metadata
from midwatch.ledger.tables.work import runs

breakers: Final = Table(
    "breakers",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("state", Words, nullable=False),
    Column("cause", Words, nullable=False),
    Column("failures", Integer, nullable=False),
    Column("openings", Integer, nullable=False),
    Column("opened_at", Instant, nullable=False),
    Column("last_run", Words, nullable=False),
    Column("probe_at", Instant, nullable=False),
    Column("probe_run", Words),
    Column("paused_json", Words, nullable=False),
    Column("settled", Integer, nullable=False),
    Column("closed_at", Instant),
    Column("closed_by", Words),
    Column("closed_because", Words),
    CheckConstraint("state IN ('closed', 'open', 'half_open')", name="state"),
)
"""One row for an agent, from the first time that its breaker opened."""

alarms: Final = Table(
    "alarms",
    metadata,
    Column("alarm_id", Words, primary_key=True),
    Column("key", Words, nullable=False),
    Column("agent", Words, nullable=False),
    Column("severity", Words, nullable=False),
    Column("what", Words, nullable=False),
    Column("raised_at", Instant, nullable=False),
    Column("over_at", Instant),
    Column("over_because", Words),
    Index(None, "over_at"),
    Index(None, "key", "over_at"),
)
"""What is not as it should be though no run says so, such as a silence."""

attendance: Final = Table(
    "attendance",
    metadata,
    Column("person", Words, primary_key=True),
    Column("seen_at", Instant, nullable=False),
    Column("via", Words, nullable=False),
)
"""When a person last gave a sign of having looked."""

Index("ix_runs_agent_finished_at", runs.c.agent, runs.c.finished_at)
Index("ix_asks_decided_at", asks.c.decided_at)
