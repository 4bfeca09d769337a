"""The ledger: what has entered the context of a run is kept. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "labels",
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("label", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("label IN ('untrusted', 'private')", name=op.f("ck_labels_label")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_labels_run_id")),
        sa.PrimaryKeyConstraint("run_id", "label", name=op.f("pk_labels")),
    )
