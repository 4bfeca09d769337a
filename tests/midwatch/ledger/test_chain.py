"""The journal's chain: whatever is altered after it was written shows, at the row where it was done."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Executable, delete, select, text, update

from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from midwatch.ledger.chain import unbroken
from midwatch.ledger.journal import GENESIS, Link, canonical
from midwatch.ledger.tables import journal
from midwatch.ledger.transaction import Write

UNLOCK = {
    "sqlite": ["DROP TRIGGER journal_no_update", "DROP TRIGGER journal_no_delete"],
    "postgresql": ["SET LOCAL session_replication_role = replica"],
}
"""What somebody with every right on the database does before altering the journal."""
TEXT = st.text(max_size=8)


@st.composite
def chains(draw: st.DrawFn) -> list[Link]:
    links: list[Link] = []
    for seq, (kind, body) in enumerate(draw(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=8)), start=1):
        prev_hash = links[-1].hash if links else GENESIS
        at = "2026-03-01T03:00:00.000000+00:00"
        blank = Link(seq=seq, at=at, kind=kind, run_id=None, body=canonical(body), prev_hash=prev_hash, hash="")
        links.append(replace(blank, hash=blank.expected_hash()))
    return links


@given(chains())
def test_a_chain_that_nobody_touched_holds(links: list[Link]) -> None:
    assert unbroken(links, 0, GENESIS) == links


@given(chains(), st.data())
def test_a_changed_field_breaks_the_chain_at_its_row(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(["at", "kind", "run_id", "body", "prev_hash", "hash"]))
    other: dict[str, Any] = {field: data.draw(TEXT.filter(lambda text: text != getattr(links[at], field)))}
    altered = replace(links[at], **other)
    assert unbroken([*links[:at], altered, *links[at + 1 :]], 0, GENESIS) == links[:at]


@given(chains(), st.data())
def test_a_change_with_a_fitting_hash_breaks_the_chain_at_the_next_row(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    forged = replace(links[at], body=data.draw(TEXT.filter(lambda text: text != links[at].body)))
    forged = replace(forged, hash=forged.expected_hash())
    assert unbroken([*links[:at], forged, *links[at + 1 :]], 0, GENESIS) == [*links[:at], forged]


@given(chains(), st.data())
def test_a_missing_or_doubled_row_breaks_the_chain(links: list[Link], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(links) - 1))
    assert unbroken(links[:at] + links[at + 1 :], 0, GENESIS) == links[:at]
    assert unbroken(links[: at + 1] + links[at:], 0, GENESIS) == links[: at + 1]


async def write_steps(ledger: Ledger, run_id: str, count: int) -> None:
    for number in range(count):
        await ledger.record_step(run_id, f"p{number}", kind="tool", name="shell")


async def tamper(ledger: Ledger, statement: Executable) -> None:
    def work(tx: Write) -> None:
        for unlock in UNLOCK[tx.connection.dialect.name]:
            tx.connection.execute(text(unlock))
        tx.connection.execute(statement)

    await ledger.write(work, durable=True)


async def test_every_change_is_one_row_and_a_repetition_is_none(ledger: Ledger, run_id: str) -> None:
    await write_steps(ledger, run_id, 3)
    first = await ledger.verify_chain()
    await write_steps(ledger, run_id, 3)
    assert (first.ok, first.rows, first.first_bad) == (True, 4, None)
    assert await ledger.verify_chain() == first


async def test_an_empty_journal_holds(ledger: Ledger) -> None:
    report = await ledger.verify_chain()
    assert (report.ok, report.rows, report.head) == (True, 0, GENESIS)


@pytest.mark.parametrize("statement", [update(journal).values(kind="x"), delete(journal)])
async def test_the_database_itself_refuses_to_change_the_journal(
    ledger: Ledger, run_id: str, statement: Executable
) -> None:
    with pytest.raises(LedgerError, match="append-only"):
        await ledger.write(lambda tx: tx.connection.execute(statement), durable=True)


async def test_a_row_altered_in_the_database_is_found(ledger: Ledger, run_id: str) -> None:
    await write_steps(ledger, run_id, 5)
    await tamper(ledger, update(journal).where(journal.c.seq == 3).values(body="{}"))
    report = await ledger.verify_chain()
    assert (report.ok, report.rows, report.first_bad) == (False, 2, 3)


async def test_a_row_taken_out_of_the_database_is_found(ledger: Ledger, run_id: str) -> None:
    await write_steps(ledger, run_id, 5)
    await tamper(ledger, delete(journal).where(journal.c.seq == 3))
    assert (await ledger.verify_chain()).first_bad == 4


async def test_rows_cut_off_at_the_end_show_against_an_earlier_head(ledger: Ledger, run_id: str) -> None:
    await write_steps(ledger, run_id, 5)
    before = await ledger.verify_chain()
    await tamper(ledger, delete(journal).where(journal.c.seq > 4))
    after = await ledger.verify_chain()
    assert (after.ok, after.rows) == (True, 4)
    assert after.head != before.head


async def test_many_writers_at_once_make_one_chain(ledger: Ledger, run_id: str) -> None:
    steps = [ledger.record_step(run_id, f"p{number}", kind="tool", name="shell") for number in range(40)]
    await asyncio.gather(*steps)
    report = await ledger.verify_chain()
    assert (report.ok, report.rows) == (True, 41)


async def test_the_journal_holds_no_arguments_and_no_results(ledger: Ledger, run_id: str) -> None:
    call: dict[str, Any] = {"tool": "mail", "args_json": '{"to":"secret-address"}', "idempotency_key": "k"}
    effect = await ledger.reserve(run_id, "c1", digest="d", **call)
    await ledger.consume(effect.effect_id, '"secret-answer"')
    bodies = await ledger.read(lambda tx: tx.connection.execute(select(journal.c.body)).scalars().all())
    assert not [body for body in bodies if "secret" in body]
