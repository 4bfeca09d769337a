"""The ledger: which tables are there? The migrations make them; a test holds the two together."""

from __future__ import annotations

from typing import Final

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)

from midwatch.ledger.columns import ROW_NUMBER, Instant, Usd, Words

metadata: Final = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

runs: Final = Table(
    "runs",
    metadata,
    Column("run_id", Words, primary_key=True),
    Column("agent", Words, nullable=False),
    Column("cause", Words, nullable=False),
    Column("slot", Words),
    Column("level", Integer, nullable=False),
    Column("asked_level", Integer),
    Column("input_json", Words, nullable=False),
    Column("fingerprint", Words, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("finished_at", Instant),
    Column("outcome", Words),
    Column("reason", Words, nullable=False, server_default=""),
    Column("findings_json", Words, nullable=False, server_default="[]"),
    CheckConstraint("level BETWEEN 1 AND 5", name="level"),
    Index(None, "agent", "started_at"),
    Index(None, "started_at"),
    Index(None, "finished_at"),
)

slots: Final = Table(
    "slots",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("slot", Words, primary_key=True),
    Column("run_id", Words, nullable=False),
    Column("claimed_at", Instant, nullable=False),
)

steps: Final = Table(
    "steps",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("position", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("name", Words, nullable=False),
    Column("detail", Words, nullable=False),
    Column("tokens_in", BigInteger, nullable=False),
    Column("tokens_out", BigInteger, nullable=False),
    Column("usd_nano", Usd),
    Column("seconds", Float(53), nullable=False),
    Column("at", Instant, nullable=False),
    Column("result_json", Words),
    Column("request_digest", Words),
    CheckConstraint("tokens_in >= 0 AND tokens_out >= 0 AND seconds >= 0 AND coalesce(usd_nano, 0) >= 0", name="cost"),
)

day_totals: Final = Table(
    "day_totals",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("day", Date, primary_key=True),
    Column("runs", BigInteger, nullable=False),
    Column("steps", BigInteger, nullable=False),
    Column("tokens", BigInteger, nullable=False),
    Column("usd_nano", Usd, nullable=False),
    Column("seconds", Float(53), nullable=False),
    Column("unpriced_steps", BigInteger, nullable=False),
)
"""Kept up to date with every step, so that a limit is read in one row however long the day was."""

decisions: Final = Table(
    "decisions",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("position", Words, primary_key=True),
    Column("digest", Words, primary_key=True),
    Column("tool", Words, nullable=False),
    Column("args_json", Words, nullable=False),
    Column("verdict", Words, nullable=False),
    Column("rule", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("at", Instant, nullable=False),
)

asks: Final = Table(
    "asks",
    metadata,
    Column("ask_id", Words, primary_key=True),
    Column("run_id", Words, ForeignKey("runs.run_id"), nullable=False, index=True),
    Column("agent", Words, nullable=False),
    Column("call_id", Words, nullable=False),
    Column("tool", Words, nullable=False),
    Column("args_json", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("kind", Words, nullable=False),
    Column("rule", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("words", Words, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("deadline", Instant),
    Column("verdict", Words),
    Column("by", Words),
    Column("via", Words),
    Column("decided_at", Instant),
    Column("decided_because", Words),
    Column("edited_args_json", Words),
    Column("answer", Words),
    Column("granted_digest", Words),
    Column("spent_at", Instant),
    Column("context_json", Words, nullable=False, server_default="{}"),
    Column("planted", Words, nullable=False, server_default=""),
    Index(None, "verdict", "deadline"),
)

effects: Final = Table(
    "effects",
    metadata,
    Column("effect_id", ROW_NUMBER, primary_key=True),
    Column("run_id", Words, ForeignKey("runs.run_id"), nullable=False),
    Column("call_id", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("tool", Words, nullable=False),
    Column("args_json", Words, nullable=False),
    Column("idempotency_key", Words, nullable=False),
    Column("ask_id", Words, ForeignKey("asks.ask_id")),
    Column("state", Words, nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("result_json", Words),
    Column("why", Words, nullable=False),
    Column("reserved_at", Instant, nullable=False),
    Column("settled_at", Instant),
    Column("undo", Words, nullable=False, server_default=""),
    UniqueConstraint("run_id", "call_id"),
    CheckConstraint("state IN ('reserved', 'consumed', 'released', 'unknown')", name="state"),
)

draws: Final = Table(
    "draws",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("call_id", Words, primary_key=True),
    Column("rule", Words, primary_key=True),
    Column("agent", Words, nullable=False),
    Column("measure", Words, nullable=False),
    Column("amount", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Index(None, "agent", "rule", "at"),
)
"""An amount is text, digit for digit: no database adds decimals of any size exactly."""

mandates: Final = Table(
    "mandates",
    metadata,
    Column("mandate_id", ROW_NUMBER, primary_key=True),
    Column("agent", Words, nullable=False, index=True),
    Column("rules_json", Words, nullable=False),
    Column("tools_json", Words, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("summed", Words, nullable=False),
    Column("most", Words),
    Column("until", Instant, nullable=False),
    Column("by", Words, nullable=False),
    Column("via", Words, nullable=False),
    Column("because", Words, nullable=False),
    Column("ask_id", Words, ForeignKey("asks.ask_id")),
    Column("created_at", Instant, nullable=False),
    Column("revoked_at", Instant),
    Column("revoked_by", Words),
    Column("revoked_because", Words),
    CheckConstraint("uses BETWEEN 1 AND 1000", name="uses"),
)
"""Only the three columns of its revocation are ever changed."""

levels: Final = Table(
    "levels",
    metadata,
    Column("grant_id", ROW_NUMBER, primary_key=True),
    Column("agent", Words, nullable=False, index=True),
    Column("level", Integer, nullable=False),
    Column("by", Words, nullable=False),
    Column("because", Words, nullable=False),
    Column("granted_at", Instant, nullable=False),
    Column("until", Instant),
    CheckConstraint("level BETWEEN 1 AND 5", name="level"),
)

probes: Final = Table(
    "probes",
    metadata,
    Column("probe_id", ROW_NUMBER, primary_key=True),
    Column("model", Words, nullable=False, index=True),
    Column("fingerprint", Words, nullable=False),
    Column("score", Float(53), nullable=False),
    Column("detail", Words, nullable=False),
    Column("at", Instant, nullable=False),
)

pins: Final = Table(
    "pins",
    metadata,
    Column("agent", Words, primary_key=True),
    Column("server", Words, primary_key=True),
    Column("tool", Words, primary_key=True),
    Column("pinned", Words),
    Column("pinned_at", Instant),
    Column("by", Words),
    Column("seen", Words, nullable=False),
    Column("seen_at", Instant, nullable=False),
)

labels: Final = Table(
    "labels",
    metadata,
    Column("run_id", Words, ForeignKey("runs.run_id"), primary_key=True),
    Column("label", Words, primary_key=True),
    Column("why", Words, nullable=False),
    Column("at", Instant, nullable=False),
    CheckConstraint("label IN ('untrusted', 'private')", name="label"),
)

people: Final = Table(
    "people",
    metadata,
    Column("person", Words, primary_key=True),
    Column("settings_json", Words, nullable=False),
    Column("since", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
)
"""Who is told, as their blocks say; a notifier looked for them at `seen_at`."""

notices: Final = Table(
    "notices",
    metadata,
    Column("notice_id", Words, primary_key=True),
    Column("person", Words, nullable=False),
    Column("key", Words, nullable=False),
    Column("agent", Words, nullable=False),
    Column("topic", Words, nullable=False),
    Column("severity", Words, nullable=False),
    Column("first_at", Instant, nullable=False),
    Column("last_at", Instant, nullable=False),
    Column("times", Integer, nullable=False),
    Column("verdict", Words),
    Column("why", Words, nullable=False, server_default=""),
    Column("tries", Integer, nullable=False, server_default="0"),
    Column("tried_at", Instant),
    Column("fault", Words, nullable=False, server_default=""),
    Column("sent_at", Instant),
    Column("channel", Words),
    Column("closed_at", Instant),
    Column("closed_by", Words),
    Column("acted", Integer),
    Index(None, "person", "closed_at", "key"),
    Index(None, "sent_at"),
)
"""One row for an incident and a person, told or held back."""

notice_subjects: Final = Table(
    "notice_subjects",
    metadata,
    Column("person", Words, primary_key=True),
    Column("subject", Words, primary_key=True),
    Column("notice_id", Words, ForeignKey("notices.notice_id"), nullable=False, index=True),
    Column("run_id", Words, nullable=False),
    Column("rule", Words, nullable=False),
    Column("at", Instant, nullable=False),
)
"""A question, or a run that has ended, belongs to one incident of a person."""

digests: Final = Table(
    "digests",
    metadata,
    Column("digest_id", Words, primary_key=True),
    Column("person", Words, nullable=False),
    Column("day", Date, nullable=False),
    Column("number", Integer, nullable=False),
    Column("since", Instant, nullable=False),
    Column("until", Instant, nullable=False),
    UniqueConstraint("person", "day", "number"),
)

digest_deliveries: Final = Table(
    "digest_deliveries",
    metadata,
    Column("digest_id", Words, ForeignKey("digests.digest_id"), primary_key=True),
    Column("place", Words, primary_key=True),
    Column("state", Words, nullable=False),
    Column("tried_at", Instant, nullable=False),
    Column("taken_by", Words, nullable=False, server_default=""),
    Column("fault", Words, nullable=False, server_default=""),
    CheckConstraint("state IN ('trying', 'taken', 'refused')", name="state"),
)

journal: Final = Table(
    "journal",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("at", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("run_id", Words),
    Column("body", Text, nullable=False),
    Column("prev_hash", Text, nullable=False, unique=True),
    Column("hash", Text, nullable=False),
)
"""Append-only (triggers refuse anything else). `prev_hash` is unique, so the chain cannot fork."""
