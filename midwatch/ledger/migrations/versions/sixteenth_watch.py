"""The ledger: which runs are rehearsals, what they would have done, and how evals ended. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("runs", sa.Column("shadow", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "staged",
        sa.Column("staged_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text(), nullable=False),
        sa.Column("position", sa.Text(), nullable=False),
        sa.Column("item", sa.Text()),
        sa.Column("tool", sa.Text(), nullable=False),
        sa.Column("args_json", sa.Text(), nullable=False),
        sa.Column("bound_json", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("risk", sa.Text(), nullable=False),
        sa.Column("context_json", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), server_default="", nullable=False),
        sa.Column("round", sa.Integer()),
        sa.Column("by", sa.Text()),
        sa.Column("via", sa.Text()),
        sa.Column("because", sa.Text()),
        sa.Column("decided_at", sa.DateTime(timezone=True)),
        sa.Column("executing_run", sa.Text()),
        sa.CheckConstraint(
            "state IN ('staged', 'approved', 'executed', 'refused', 'stale')", name=op.f("ck_staged_state")
        ),
        sa.CheckConstraint("verdict IN ('allow', 'ask')", name=op.f("ck_staged_verdict")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_staged_run_id")),
        sa.ForeignKeyConstraint(["executing_run"], ["runs.run_id"], name=op.f("fk_staged_executing_run")),
        sa.PrimaryKeyConstraint("staged_id", name=op.f("pk_staged")),
        sa.UniqueConstraint("run_id", "call_id", name=op.f("uq_staged_run_id_call_id")),
    )
    op.create_index(op.f("ix_staged_state"), "staged", ["state"])
    op.create_index(op.f("ix_staged_executing_run"), "staged", ["executing_run"])
    op.create_table(
        "eval_results",
        sa.Column("result_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("eval_id", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("case_run", sa.Text(), nullable=False),
        sa.Column("case_fingerprint", sa.Text(), nullable=False),
        sa.Column("passed", sa.Boolean(), nullable=False),
        sa.Column("detail_json", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["case_run"], ["runs.run_id"], name=op.f("fk_eval_results_case_run")),
        sa.PrimaryKeyConstraint("result_id", name=op.f("pk_eval_results")),
        sa.UniqueConstraint("eval_id", "case_run", name=op.f("uq_eval_results_eval_id_case_run")),
    )
    op.create_index(op.f("ix_eval_results_agent_fingerprint"), "eval_results", ["agent", "fingerprint"])
