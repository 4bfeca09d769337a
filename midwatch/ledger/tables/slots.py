"""The ledger: which tables keep the slots, and the schedules that they come from?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Index, Table

from midwatch.ledger.columns import ROW_NUMBER, Instant, Words
from midwatch.ledger.tables.schema import metadata

slots: Final = Table(
    "slots",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("slot", Words, primary_key=True),
    Column("run_id", Words, nullable=False),
    Column("claimed_at", Instant),
    Column("instant", Instant),
    Column("state", Words, nullable=False, server_default="ran"),
    Column("why", Words, nullable=False, server_default=""),
    Column("reason", Words, nullable=False, server_default=""),
    CheckConstraint("state IN ('due', 'queued', 'late', 'ran', 'caught_up', 'skipped', 'missed')", name="state"),
    Index(None, "agent", "instant"),
    Index(None, "state"),
)
"""`run_id` is empty until a run has claimed it; `instant` is NULL where the slot is an event's or a person's."""

schedules: Final = Table(
    "schedules",
    metadata,
    Column("schedule_id", ROW_NUMBER, primary_key=True),
    Column("agent", Words, nullable=False),
    Column("deployment_id", Words, nullable=False),
    Column("deployment", Words, nullable=False),
    Column("spec_json", Words, nullable=False),
    Column("parameters_json", Words, nullable=False),
    Column("standing", Words, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant),
    CheckConstraint("standing IN ('active', 'breaker', 'paused')", name="standing"),
    Index(None, "agent", "until"),
    Index(None, "until"),
)
"""Only `until` is ever changed: a schedule that changes is another row."""

slot_watches: Final = Table(
    "slot_watches",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("until", Instant, nullable=False),
)
"""Up to `until` every slot of the agent is in `slots`."""
