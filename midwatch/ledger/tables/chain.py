"""The ledger: in which table is everything kept once more, hash-chained?"""

from __future__ import annotations

from typing import Final

from sqlalchemy import BigInteger, Column, Table, Text

from midwatch.ledger.columns import Words
from midwatch.ledger.tables.schema import metadata

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
