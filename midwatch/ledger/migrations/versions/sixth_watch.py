"""The ledger: what a person has to know of a question besides its call, and questions that only test them. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("asks", sa.Column("context_json", sa.Text(), nullable=False, server_default="{}"))
    op.add_column("asks", sa.Column("planted", sa.Text(), nullable=False, server_default=""))
