"""The ledger: which tables keep what rehearsals would have done, and how evals ended?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Boolean, CheckConstraint, Column, ForeignKey, Index, Integer, Table, UniqueConstraint

from midwatch.ledger.columns import ROW_NUMBER, Instant, Words
from midwatch.ledger.tables.schema import metadata

staged: Final = Table(
    "staged",
    metadata,
    Column("staged_id", ROW_NUMBER, primary_key=True),
    Column("run_id", Words, ForeignKey("runs.run_id"), nullable=False),
    Column("call_id", Words, nullable=False),
    Column("position", Words, nullable=False),
    Column("item", Words),
    Column("tool", Words, nullable=False),
    Column("args_json", Words, nullable=False),
    Column("bound_json", Words, nullable=False),
    Column("digest", Words, nullable=False),
    Column("verdict", Words, nullable=False),
    Column("rule", Words, nullable=False),
    Column("reason", Words, nullable=False),
    Column("risk", Words, nullable=False),
    Column("context_json", Words, nullable=False),
    Column("at", Instant, nullable=False),
    Column("state", Words, nullable=False),
    Column("why", Words, nullable=False, server_default=""),
    Column("round", Integer),
    Column("by", Words),
    Column("via", Words),
    Column("because", Words),
    Column("decided_at", Instant),
    Column("executing_run", Words, ForeignKey("runs.run_id"), index=True),
    UniqueConstraint("run_id", "call_id"),
    CheckConstraint("state IN ('staged', 'approved', 'executed', 'refused', 'stale')", name="state"),
    CheckConstraint("verdict IN ('allow', 'ask')", name="verdict"),
    Index(None, "state"),
)
"""One row for a call of a rehearsal that was judged and not executed."""

eval_results: Final = Table(
    "eval_results",
    metadata,
    Column("result_id", ROW_NUMBER, primary_key=True),
    Column("eval_id", Words, nullable=False),
    Column("agent", Words, nullable=False),
    Column("fingerprint", Words, nullable=False),
    Column("model", Words, nullable=False),
    Column("case_run", Words, ForeignKey("runs.run_id"), nullable=False),
    Column("case_fingerprint", Words, nullable=False),
    Column("passed", Boolean, nullable=False),
    Column("detail_json", Words, nullable=False),
    Column("at", Instant, nullable=False),
    UniqueConstraint("eval_id", "case_run"),
    Index(None, "agent", "fingerprint"),
)
"""One row for a past run that an agent was tried on."""
