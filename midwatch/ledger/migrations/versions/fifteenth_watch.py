"""The ledger: what agents have earned, what is charged to them, and what was proposed. Frozen."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
SIGNED = sa.text("kind = 'level_granted' OR kind = 'class_moved'")
PLANTED = sa.text("planted <> ''")


def upgrade() -> None:
    op.create_table(
        "class_moves",
        sa.Column("move_id", ROW_NUMBER, nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text(), nullable=False),
        sa.Column("stands", sa.Text(), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("evidence_json", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True)),
        sa.CheckConstraint("stands IN ('ask', 'allow')", name=op.f("ck_class_moves_stands")),
        sa.CheckConstraint("basis IN ('earned', 'override', 'fall', 'person')", name=op.f("ck_class_moves_basis")),
        sa.PrimaryKeyConstraint("move_id", name=op.f("pk_class_moves")),
    )
    op.create_index(op.f("ix_class_moves_agent_rule_move_id"), "class_moves", ["agent", "rule", "move_id"])
    op.create_table(
        "incidents",
        sa.Column("incident_id", ROW_NUMBER, nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("call_id", sa.Text()),
        sa.Column("rule", sa.Text()),
        sa.Column("severity", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("via", sa.Text(), nullable=False),
        sa.Column("because", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("severity IN ('minor', 'major')", name=op.f("ck_incidents_severity")),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name=op.f("fk_incidents_run_id")),
        sa.PrimaryKeyConstraint("incident_id", name=op.f("pk_incidents")),
    )
    op.create_index(op.f("ix_incidents_run_id"), "incidents", ["run_id"])
    op.create_index(op.f("ix_incidents_agent_incident_id"), "incidents", ["agent", "incident_id"])
    op.create_table(
        "proposals",
        sa.Column("proposal_id", ROW_NUMBER, nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("rule", sa.Text()),
        sa.Column("to_level", sa.Integer(), nullable=False),
        sa.Column("evidence_json", sa.Text(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("closed_by", sa.Text()),
        sa.Column("verdict", sa.Text()),
        sa.Column("closed_because", sa.Text()),
        sa.CheckConstraint("verdict IN ('accepted', 'refused', 'withdrawn')", name=op.f("ck_proposals_verdict")),
        sa.PrimaryKeyConstraint("proposal_id", name=op.f("pk_proposals")),
    )
    op.create_index(op.f("ix_proposals_closed_at"), "proposals", ["closed_at"])
    op.create_index(op.f("ix_proposals_agent_proposal_id"), "proposals", ["agent", "proposal_id"])
    op.create_table(
        "fingerprints",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("parts_json", sa.Text(), nullable=False),
        sa.Column("first_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agent", "fingerprint", name=op.f("pk_fingerprints")),
    )
    op.create_table(
        "layers_seen",
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("held", sa.Boolean(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("agent", name=op.f("pk_layers_seen")),
    )
    op.add_column("levels", sa.Column("basis", sa.Text(), nullable=False, server_default="person"))
    op.add_column("levels", sa.Column("fingerprint", sa.Text()))
    op.add_column("levels", sa.Column("evidence_json", sa.Text(), nullable=False, server_default="{}"))
    op.execute("UPDATE levels SET basis = 'override' WHERE level > 3")
    op.add_column("runs", sa.Column("evidence", sa.Text(), nullable=False, server_default=""))
    op.create_index(op.f("ix_runs_agent_evidence"), "runs", ["agent", "evidence", "started_at"])
    op.create_index(op.f("ix_asks_agent_rule"), "asks", ["agent", "rule"])
    op.create_index(op.f("ix_asks_planted"), "asks", ["agent"], sqlite_where=PLANTED, postgresql_where=PLANTED)
    op.create_index(op.f("ix_journal_signed"), "journal", ["kind", "seq"], sqlite_where=SIGNED, postgresql_where=SIGNED)
