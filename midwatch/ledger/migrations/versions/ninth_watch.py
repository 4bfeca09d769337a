"""The ledger: which digests were made, and who has taken them. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "digests",
        sa.Column("digest_id", sa.Text(), nullable=False),
        sa.Column("person", sa.Text(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest_id", name=op.f("pk_digests")),
        sa.UniqueConstraint("person", "day", "number", name=op.f("uq_digests_person_day_number")),
    )
    op.create_table(
        "digest_deliveries",
        sa.Column("digest_id", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("tried_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("taken_by", sa.Text(), server_default="", nullable=False),
        sa.Column("fault", sa.Text(), server_default="", nullable=False),
        sa.CheckConstraint("state IN ('trying', 'taken', 'refused')", name=op.f("ck_digest_deliveries_state")),
        sa.ForeignKeyConstraint(["digest_id"], ["digests.digest_id"], name=op.f("fk_digest_deliveries_digest_id")),
        sa.PrimaryKeyConstraint("digest_id", "place", name=op.f("pk_digest_deliveries")),
    )
