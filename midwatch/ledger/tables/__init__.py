"""The ledger: which tables are there? One module a family; the migrations make them, and a test holds the two together."""

from midwatch.ledger.tables.calls import asks, decisions, draws, effects, pins, probes
from midwatch.ledger.tables.chain import journal
from midwatch.ledger.tables.judgment import (
    digest_deliveries,
    digests,
    levels,
    mandates,
    notice_subjects,
    notices,
    people,
)
from midwatch.ledger.tables.schema import metadata
from midwatch.ledger.tables.work import day_totals, labels, runs, slots, steps

__all__ = [
    "asks",
    "day_totals",
    "decisions",
    "digest_deliveries",
    "digests",
    "draws",
    "effects",
    "journal",
    "labels",
    "levels",
    "mandates",
    "metadata",
    "notice_subjects",
    "notices",
    "people",
    "pins",
    "probes",
    "runs",
    "slots",
    "steps",
]
