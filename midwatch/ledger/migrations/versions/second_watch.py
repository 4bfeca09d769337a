"""The ledger: a question may wait without a deadline, a step keeps its result, an effect says how to undo it. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("steps", sa.Column("result_json", sa.Text()))
    op.add_column("steps", sa.Column("request_digest", sa.Text()))
    op.add_column("effects", sa.Column("undo", sa.Text(), server_default="", nullable=False))
    _deadline_may_be_missing()


def _deadline_may_be_missing() -> None:
    """SQLite changes no column, and `effects` refers to `asks`, so that the table cannot be made anew either."""
    op.add_column("asks", sa.Column("until", sa.DateTime(timezone=True)))
    op.execute("UPDATE asks SET until = deadline")
    op.drop_index("ix_asks_verdict_deadline", "asks")
    op.drop_column("asks", "deadline")
    op.execute("ALTER TABLE asks RENAME COLUMN until TO deadline")
    op.create_index("ix_asks_verdict_deadline", "asks", ["verdict", "deadline"])
