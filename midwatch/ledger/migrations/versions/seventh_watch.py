"""The ledger: what a person allowed ahead of time. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "mandates",
        sa.Column("mandate_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("rules_json", sa.Text(), nullable=False),
        sa.Column("tools_json", sa.Text(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("summed", sa.Text(), nullable=False),
        sa.Column("most", sa.Text(), nullable=True),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("ask_id", sa.Text(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.Text(), nullable=True),
        sa.Column("revoked_because", sa.Text(), nullable=True),
        sa.CheckConstraint("uses BETWEEN 1 AND 1000", name=op.f("ck_mandates_uses")),
        sa.ForeignKeyConstraint(["ask_id"], ["asks.ask_id"], name=op.f("fk_mandates_ask_id")),
        sa.PrimaryKeyConstraint("mandate_id", name=op.f("pk_mandates")),
    )
    op.create_index(op.f("ix_mandates_agent"), "mandates", ["agent"])
