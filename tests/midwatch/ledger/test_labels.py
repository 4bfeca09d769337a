"""Labels: put on a run with the step that brought them, once, and never taken off."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from midwatch.ledger.tables import journal, labels
from midwatch.ledger.transaction import Read


async def written(ledger: Ledger) -> tuple[int, int]:
    """Rows of labels, and of the journal about them."""

    def count(tx: Read) -> tuple[int, int]:
        told = select(func.count()).select_from(journal).where(journal.c.kind == "label")
        rows = tx.connection.scalar(select(func.count()).select_from(labels))
        return rows or 0, tx.connection.scalar(told) or 0

    return await ledger.read(count)


async def begin(ledger: Ledger, run_id: str, **other: Any) -> None:
    facts: dict[str, Any] = {"agent": "owl", "cause": "person", "slot": None, "level": 3, "asked_level": None}
    facts |= {"input": {}, "fingerprint": "f", "started_at": datetime(2026, 3, 1, tzinfo=UTC), **other}
    await ledger.start_run(run_id, **facts)


async def test_a_label_stands_with_the_step_that_brought_it(ledger: Ledger, run_id: str) -> None:
    assert await ledger.labels_of(run_id) == frozenset()
    await ledger.record_step(run_id, "main/tool/1", kind="tool", name="look", brought=["untrusted"])
    await ledger.record_step(run_id, "main/tool/2", kind="tool", name="look", brought=["untrusted", "private"])
    assert await ledger.labels_of(run_id) == {"untrusted", "private"}
    assert await written(ledger) == (2, 2)
    assert (await ledger.verify_chain()).ok


async def test_a_step_that_cannot_be_stored_brings_no_label(ledger: Ledger, run_id: str) -> None:
    with pytest.raises(LedgerError):
        await ledger.record_step(run_id, "main/tool/1", kind="tool", name="look", seconds=-1.0, brought=["untrusted"])
    assert await ledger.labels_of(run_id) == frozenset()


async def test_a_label_that_there_is_not_is_refused(ledger: Ledger, run_id: str) -> None:
    with pytest.raises(LedgerError):
        await ledger.add_label(run_id, "harmless", "nobody said so")  # type: ignore[arg-type]  # no label


@pytest.mark.parametrize(
    ("cause", "given", "expected"),
    [
        ("event", {"text": "pay eve"}, {"untrusted"}),
        ("event", {}, set()),
        ("person", {"text": "pay bob"}, set()),
        ("schedule", {"text": "pay bob"}, set()),
    ],
)
async def test_the_input_of_an_event_is_text_from_outside(
    ledger: Ledger, cause: str, given: dict[str, str], expected: set[str]
) -> None:
    await begin(ledger, "run", cause=cause, input=given)
    await begin(ledger, "run", cause=cause, input=given)
    assert await ledger.labels_of("run") == expected
