"""The ledger: what runs draw on together, the limits of the house, and what a good run of an agent looks like. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("day_totals", sa.Column("effects", sa.BigInteger(), server_default="0", nullable=False))
    op.create_index(op.f("ix_day_totals_day"), "day_totals", ["day"])
    op.create_table(
        "run_totals",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("parent_id", sa.Text()),
        sa.Column("limits_json", sa.Text()),
        sa.Column("stall_minutes", sa.Float(53)),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("usd_nano", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(53), nullable=False),
        sa.Column("unpriced_steps", sa.BigInteger(), nullable=False),
        sa.Column("effects", sa.BigInteger(), nullable=False),
        sa.Column("stepped_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("last_step", sa.Text()),
        sa.ForeignKeyConstraint(["parent_id"], ["runs.run_id"], name=op.f("fk_run_totals_parent_id")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_run_totals_run_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_totals")),
    )
    op.create_table(
        "house_limits",
        sa.Column("limits_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("limits_json", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("limits_id", name=op.f("pk_house_limits")),
    )
    op.create_table(
        "habits",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("traits_json", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_habits_run_id")),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_habits")),
    )
    op.create_index(op.f("ix_habits_agent_fingerprint_at"), "habits", ["agent", "fingerprint", "at"])
