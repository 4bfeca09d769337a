"""The ledger: which tables keep what people have signed, and what they were told?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import CheckConstraint, Column, Date, ForeignKey, Index, Integer, Table, UniqueConstraint

from midwatch.ledger.columns import ROW_NUMBER, Instant, Words
from midwatch.ledger.tables.schema import metadata

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
    Column("basis", Words, nullable=False, server_default="person"),
    Column("fingerprint", Words),
    Column("evidence_json", Words, nullable=False, server_default="{}"),
    CheckConstraint("level BETWEEN 1 AND 5", name="level"),
)
"""`basis`: 'earned', 'override', 'fall' or 'person'. With a `fingerprint` it holds for that agent only, as it then was."""

worth_answers: Final = Table(
    "worth_answers",
    metadata,
    Column("answers_id", ROW_NUMBER, primary_key=True),
    Column("agent", Words, nullable=False, index=True),
    Column("answers_json", Words, nullable=False),
    Column("profile_json", Words, nullable=False),
    Column("by", Words, nullable=False),
    Column("via", Words, nullable=False),
    Column("at", Instant, nullable=False),
)
"""What a person said of an agent's work, and what its file said then; the latest row of an agent counts."""

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
