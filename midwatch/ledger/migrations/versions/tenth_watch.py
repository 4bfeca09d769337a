"""The ledger: halts, and the self-tests of the latch. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "halts",
        sa.Column("halt_id", number, nullable=False),
        sa.Column("scope", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True)),
        sa.Column("lifted_by", sa.Text()),
        sa.Column("lifted_via", sa.Text()),
        sa.Column("lifted_because", sa.Text()),
        sa.CheckConstraint("scope IN ('all', 'agent', 'run')", name=op.f("ck_halts_scope")),
        sa.PrimaryKeyConstraint("halt_id", name=op.f("pk_halts")),
    )
    op.create_index(op.f("ix_halts_lifted_at"), "halts", ["lifted_at"])
    op.create_table(
        "halt_checks",
        sa.Column("check_id", number, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_halt_checks")),
    )
