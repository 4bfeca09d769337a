"""The ledger: what comes from outside, and what became of it. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "arrivals",
        sa.Column("arrival_id", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("delivery", sa.Text(), nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("payload", sa.Text(), nullable=False),
        sa.Column("input_json", sa.Text(), nullable=False),
        sa.Column("input_sha256", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("due_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        sa.Column("gathered_at", sa.DateTime(timezone=True)),
        sa.Column("joined", sa.Text()),
        sa.Column("parent_run", sa.Text()),
        sa.Column("run_id", sa.Text()),
        sa.Column("started_at", sa.DateTime(timezone=True)),
        sa.CheckConstraint(
            "state IN ('received', 'started', 'refused', 'set_aside', 'coalesced')", name=op.f("ck_arrivals_state")
        ),
        sa.PrimaryKeyConstraint("arrival_id", name=op.f("pk_arrivals")),
        sa.UniqueConstraint("agent", "trigger", "delivery", name=op.f("uq_arrivals_agent_trigger_delivery")),
    )
    for columns in (
        ("state", "agent", "due_at"),
        ("agent", "started_at"),
        ("started_at",),
        ("agent", "input_sha256"),
        ("received_at",),
        ("joined",),
    ):
        op.create_index(op.f(f"ix_arrivals_{'_'.join(columns)}"), "arrivals", list(columns))
    op.create_table(
        "chain_marks",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("trigger", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "trigger", name=op.f("pk_chain_marks")),
    )
