"""The ledger: what became of each slot, and which schedules the slots come from. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("slots") as slots:
        slots.alter_column("claimed_at", existing_type=sa.DateTime(timezone=True), nullable=True)
        slots.add_column(sa.Column("instant", sa.DateTime(timezone=True), nullable=True))
        slots.add_column(sa.Column("state", sa.Text(), server_default="ran", nullable=False))
        slots.add_column(sa.Column("why", sa.Text(), server_default="", nullable=False))
        slots.add_column(sa.Column("reason", sa.Text(), server_default="", nullable=False))
        slots.create_check_constraint(
            op.f("ck_slots_state"), "state IN ('due', 'queued', 'late', 'ran', 'caught_up', 'skipped', 'missed')"
        )
    op.create_index(op.f("ix_slots_agent_instant"), "slots", ["agent", "instant"])
    op.create_index(op.f("ix_slots_state"), "slots", ["state"])
    op.create_table(
        "schedules",
        sa.Column("schedule_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("deployment_id", sa.Text(), nullable=False),
        sa.Column("deployment", sa.Text(), nullable=False),
        sa.Column("spec_json", sa.Text(), nullable=False),
        sa.Column("parameters_json", sa.Text(), nullable=False),
        sa.Column("standing", sa.Text(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("standing IN ('active', 'breaker', 'paused')", name=op.f("ck_schedules_standing")),
        sa.PrimaryKeyConstraint("schedule_id", name=op.f("pk_schedules")),
    )
    op.create_index(op.f("ix_schedules_agent_until"), "schedules", ["agent", "until"])
    op.create_index(op.f("ix_schedules_until"), "schedules", ["until"])
    op.create_table(
        "slot_watches",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_slot_watches")),
    )
