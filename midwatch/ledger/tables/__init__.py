"""The ledger: which tables are there? One module a family; the migrations make them, and a test holds the two together."""

from midwatch.ledger.tables.arrivals import arrivals, chain_marks
from midwatch.ledger.tables.breakers import alarms, attendance, breakers
from midwatch.ledger.tables.budgets import habits, house_limits, run_totals
from midwatch.ledger.tables.calls import asks, decisions, draws, effects, pins, probes
from midwatch.ledger.tables.chain import journal
from midwatch.ledger.tables.halts import halt_checks, halts
from midwatch.ledger.tables.judgment import (
    digest_deliveries,
    digests,
    levels,
    mandates,
    notice_subjects,
    notices,
    people,
    worth_answers,
)
from midwatch.ledger.tables.ladder import class_moves, fingerprints, incidents, layers_seen, proposals
from midwatch.ledger.tables.rehearsals import eval_results, staged
from midwatch.ledger.tables.schema import metadata
from midwatch.ledger.tables.slots import schedules, slot_watches, slots
from midwatch.ledger.tables.work import day_totals, labels, runs, steps

__all__ = [
    "alarms",
    "arrivals",
    "asks",
    "attendance",
    "breakers",
    "chain_marks",
    "class_moves",
    "day_totals",
    "decisions",
    "digest_deliveries",
    "digests",
    "draws",
    "effects",
    "eval_results",
    "fingerprints",
    "habits",
    "halt_checks",
    "halts",
    "house_limits",
    "incidents",
    "journal",
    "labels",
    "layers_seen",
    "levels",
    "mandates",
    "metadata",
    "notice_subjects",
    "notices",
    "people",
    "pins",
    "probes",
    "proposals",
    "run_totals",
    "runs",
    "schedules",
    "slot_watches",
    "slots",
    "staged",
    "steps",
    "worth_answers",
]
