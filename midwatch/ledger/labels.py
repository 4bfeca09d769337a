"""The ledger: what has entered the context of a run? Labels, which nothing takes off again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from midwatch.ledger.tables import labels
from midwatch.ledger.transaction import Read, Write, reads, writes

if TYPE_CHECKING:  # the ledger is opened where no policy is read, and its matchers take long to import
    from midwatch.policy.reading import Label


@writes()
def add_label(tx: Write, run_id: str, label: Label, why: str) -> None:
    """Put a label on a run for what entered it before its first step; the first `why` stays."""
    tx.agent_of(run_id)
    enter(tx, run_id, label, why)


@reads
def labels_of(tx: Read, run_id: str) -> frozenset[Label]:
    """The labels of a run, from all its lives and conversations."""
    return frozenset(labels_in(tx, run_id))


def enter(tx: Write, run_id: str, label: Label, why: str) -> None:
    """`add_label` as a part of a larger transaction."""
    if tx.is_new(labels, {"run_id": run_id, "label": label}, why=why, at=tx.at):
        tx.journal("label", run_id, label=label, why=why)


def labels_in(tx: Read, run_id: str) -> list[Label]:
    """`labels_of` as a part of a larger transaction."""
    return [row["label"] for row in tx.all(select(labels.c.label).where(labels.c.run_id == run_id))]
