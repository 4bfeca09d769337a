"""The ledger: what an MCP server's tools were when they were first used, or last looked at. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

TEXT = sa.Text()
INSTANT = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "pins",
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("server", TEXT, nullable=False),
        sa.Column("tool", TEXT, nullable=False),
        sa.Column("pinned", TEXT),
        sa.Column("pinned_at", INSTANT),
        sa.Column("by", TEXT),
        sa.Column("seen", TEXT, nullable=False),
        sa.Column("seen_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("agent", "server", "tool", name="pk_pins"),
    )
