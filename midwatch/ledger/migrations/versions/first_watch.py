"""The ledger: its first tables. Frozen: a change of the tables is a new revision, never an edit of this one."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TEXT = sa.Text()
INSTANT = sa.DateTime(timezone=True)
ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    _runs()
    _work()
    _questions()
    _standing()
    _journal()
    _journal_is_append_only(op.get_bind().dialect.name)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("cause", TEXT, nullable=False),
        sa.Column("slot", TEXT),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("asked_level", sa.Integer()),
        sa.Column("input_json", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("started_at", INSTANT, nullable=False),
        sa.Column("finished_at", INSTANT),
        sa.Column("outcome", TEXT),
        sa.Column("reason", TEXT, server_default="", nullable=False),
        sa.Column("findings_json", TEXT, server_default="[]", nullable=False),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name="ck_runs_level"),
        sa.PrimaryKeyConstraint("run_id", name="pk_runs"),
    )
    op.create_index("ix_runs_agent_started_at", "runs", ["agent", "started_at"])
    op.create_index("ix_runs_started_at", "runs", ["started_at"])
    op.create_table(
        "slots",
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("slot", TEXT, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("claimed_at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("agent", "slot", name="pk_slots"),
    )


def _work() -> None:
    op.create_table(
        "steps",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("position", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("name", TEXT, nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("tokens_in", sa.BigInteger(), nullable=False),
        sa.Column("tokens_out", sa.BigInteger(), nullable=False),
        sa.Column("usd_nano", sa.BigInteger()),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.CheckConstraint(
            "tokens_in >= 0 AND tokens_out >= 0 AND seconds >= 0 AND coalesce(usd_nano, 0) >= 0", name="ck_steps_cost"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_steps_run_id"),
        sa.PrimaryKeyConstraint("run_id", "position", name="pk_steps"),
    )
    op.create_table(
        "day_totals",
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("runs", sa.BigInteger(), nullable=False),
        sa.Column("steps", sa.BigInteger(), nullable=False),
        sa.Column("tokens", sa.BigInteger(), nullable=False),
        sa.Column("usd_nano", sa.BigInteger(), nullable=False),
        sa.Column("seconds", sa.Float(precision=53), nullable=False),
        sa.Column("unpriced_steps", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("agent", "day", name="pk_day_totals"),
    )
    op.create_table(
        "decisions",
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("position", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("tool", TEXT, nullable=False),
        sa.Column("args_json", TEXT, nullable=False),
        sa.Column("verdict", TEXT, nullable=False),
        sa.Column("rule", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_decisions_run_id"),
        sa.PrimaryKeyConstraint("run_id", "position", "digest", name="pk_decisions"),
    )


def _questions() -> None:
    op.create_table(
        "asks",
        sa.Column("ask_id", TEXT, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("call_id", TEXT, nullable=False),
        sa.Column("tool", TEXT, nullable=False),
        sa.Column("args_json", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("rule", TEXT, nullable=False),
        sa.Column("reason", TEXT, nullable=False),
        sa.Column("words", TEXT, nullable=False),
        sa.Column("created_at", INSTANT, nullable=False),
        sa.Column("deadline", INSTANT, nullable=False),
        sa.Column("verdict", TEXT),
        sa.Column("by", TEXT),
        sa.Column("via", TEXT),
        sa.Column("decided_at", INSTANT),
        sa.Column("decided_because", TEXT),
        sa.Column("edited_args_json", TEXT),
        sa.Column("answer", TEXT),
        sa.Column("granted_digest", TEXT),
        sa.Column("spent_at", INSTANT),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_asks_run_id"),
        sa.PrimaryKeyConstraint("ask_id", name="pk_asks"),
    )
    op.create_index("ix_asks_run_id", "asks", ["run_id"])
    op.create_index("ix_asks_verdict_deadline", "asks", ["verdict", "deadline"])
    op.create_table(
        "effects",
        sa.Column("effect_id", ROW_NUMBER, nullable=False),
        sa.Column("run_id", TEXT, nullable=False),
        sa.Column("call_id", TEXT, nullable=False),
        sa.Column("digest", TEXT, nullable=False),
        sa.Column("tool", TEXT, nullable=False),
        sa.Column("args_json", TEXT, nullable=False),
        sa.Column("idempotency_key", TEXT, nullable=False),
        sa.Column("ask_id", TEXT),
        sa.Column("state", TEXT, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("result_json", TEXT),
        sa.Column("why", TEXT, nullable=False),
        sa.Column("reserved_at", INSTANT, nullable=False),
        sa.Column("settled_at", INSTANT),
        sa.CheckConstraint("state IN ('reserved', 'consumed', 'released', 'unknown')", name="ck_effects_state"),
        sa.ForeignKeyConstraint(["ask_id"], ["asks.ask_id"], name="fk_effects_ask_id"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.run_id"], name="fk_effects_run_id"),
        sa.PrimaryKeyConstraint("effect_id", name="pk_effects"),
        sa.UniqueConstraint("run_id", "call_id", name="uq_effects_run_id_call_id"),
    )


def _standing() -> None:
    op.create_table(
        "levels",
        sa.Column("grant_id", ROW_NUMBER, nullable=False),
        sa.Column("agent", TEXT, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("by", TEXT, nullable=False),
        sa.Column("because", TEXT, nullable=False),
        sa.Column("granted_at", INSTANT, nullable=False),
        sa.Column("until", INSTANT),
        sa.CheckConstraint("level BETWEEN 1 AND 5", name="ck_levels_level"),
        sa.PrimaryKeyConstraint("grant_id", name="pk_levels"),
    )
    op.create_index("ix_levels_agent", "levels", ["agent"])
    op.create_table(
        "probes",
        sa.Column("probe_id", ROW_NUMBER, nullable=False),
        sa.Column("model", TEXT, nullable=False),
        sa.Column("fingerprint", TEXT, nullable=False),
        sa.Column("score", sa.Float(precision=53), nullable=False),
        sa.Column("detail", TEXT, nullable=False),
        sa.Column("at", INSTANT, nullable=False),
        sa.PrimaryKeyConstraint("probe_id", name="pk_probes"),
    )
    op.create_index("ix_probes_model", "probes", ["model"])


def _journal() -> None:
    op.create_table(
        "journal",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("at", TEXT, nullable=False),
        sa.Column("kind", TEXT, nullable=False),
        sa.Column("run_id", TEXT),
        sa.Column("body", TEXT, nullable=False),
        sa.Column("prev_hash", TEXT, nullable=False),
        sa.Column("hash", TEXT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_journal"),
        sa.UniqueConstraint("prev_hash", name="uq_journal_prev_hash"),
    )


def _journal_is_append_only(dialect: str) -> None:
    match dialect:
        case "sqlite":
            for verb in ("UPDATE", "DELETE"):
                op.execute(
                    f"CREATE TRIGGER journal_no_{verb.lower()} BEFORE {verb} ON journal "
                    "BEGIN SELECT RAISE(ABORT, 'the journal is append-only'); END"
                )
        case _:
            op.execute(
                "CREATE FUNCTION journal_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'the journal is append-only'; END $$"
            )
            op.execute(
                "CREATE TRIGGER journal_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON journal "
                "FOR EACH STATEMENT EXECUTE FUNCTION journal_is_append_only()"
            )
