"""Tampering: somebody with the ledger's file and every right on it changes, takes out or puts in; `verify` names it exactly."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from midwatch.ledger import Ledger
from midwatch.ledger.tables import metadata
from midwatch.ledger.transaction import Write
from midwatch.ledger.witnessed import WITNESSED
from tests.midwatch.ledger.conftest import FakeClock
from tests.midwatch.ledger.furnished import FURNISHED, furnish

KEYS = {one.table: one.key for one in WITNESSED}
CELLS = [(table, column.name) for table in FURNISHED for column in metadata.tables[table].c]


@pytest.fixture
async def told(ledger: Ledger, run_id: str, clock: FakeClock) -> Ledger:
    assert run_id == "run-1"
    await furnish(ledger, clock)
    return ledger


class Forger:
    """Somebody with the file, and every right on it."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path)) as file:
            file.execute("PRAGMA ignore_check_constraints=ON")
            for statement in statements:
                file.execute(statement)
            file.commit()

    def first(self, table: str) -> dict[str, Any]:
        with closing(sqlite3.connect(self.path)) as file:
            file.row_factory = sqlite3.Row
            return dict(file.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchone())  # of the schema


@pytest.fixture
def backend() -> str:
    """The matrix below forges SQLite's file; one test of each kind runs on both."""
    return "sqlite"


@pytest.fixture
def forger(told: Ledger, url: str) -> Forger:
    return Forger(Path(url.partition("///")[2]))


def other_than(value: Any, column: str) -> str:
    """SQL of another value of the same sort."""
    if column.endswith(("_at", "until", "deadline")) or column == "at":
        return "'2031-01-01 00:00:00.000000'"
    return str(value + 1000) if isinstance(value, int | float) else "'forged'"


@pytest.mark.parametrize(("table", "column"), CELLS)
async def test_every_column_of_every_table_is_witnessed(told: Ledger, forger: Forger, table: str, column: str) -> None:
    row = forger.first(table)
    where = " AND ".join(f"{name} = {row[name]!r}" for name in KEYS[table])
    forger.run(f"UPDATE {table} SET {column} = {other_than(row[column], column)} WHERE {where}")
    found = (await told.verify()).findings
    if column in KEYS[table]:
        assert sorted((one.what, one.table) for one in found if one.table == table) == [
            ("added", table),
            ("missing", table),
        ]
    else:
        (only,) = found
        key = {name: row[name] for name in KEYS[table]}
        assert (only.what, only.table, dict(only.key), only.column) == ("changed", table, key, column)


@pytest.mark.parametrize("table", FURNISHED)
async def test_a_row_that_was_taken_out_is_named(told: Ledger, forger: Forger, table: str) -> None:
    row = forger.first(table)
    where = " AND ".join(f"{name} = {row[name]!r}" for name in KEYS[table])
    forger.run(f"DELETE FROM {table} WHERE {where}")
    (only,) = (await told.verify()).findings
    assert (only.what, only.table, dict(only.key)) == ("missing", table, {name: row[name] for name in KEYS[table]})
    assert "the row is gone; entry" in str(only)


@pytest.mark.parametrize("table", FURNISHED)
async def test_a_row_that_was_put_in_is_named(told: Ledger, forger: Forger, table: str) -> None:
    row = forger.first(table)
    other = 999 if isinstance(row[KEYS[table][-1]], int) else "forged"
    copied = {**row, **({"call_id": "forged"} if table in ("effects", "staged") else {}), KEYS[table][-1]: other}
    places = ", ".join("NULL" if value is None else repr(value) for value in copied.values())
    forger.run(f"INSERT INTO {table} ({', '.join(copied)}) VALUES ({places})")
    (only,) = (await told.verify()).findings
    assert (only.what, only.table, only.key[KEYS[table][-1]]) == ("added", table, copied[KEYS[table][-1]])
    assert "no entry of the journal made this row" in str(only)


async def test_an_entry_that_was_changed_breaks_the_chain_and_what_it_said_is_still_held_against_the_row(
    told: Ledger, forger: Forger
) -> None:
    granted = "kind = 'level_granted' AND body LIKE '%\"level\":4%'"
    forger.run(
        "DROP TRIGGER journal_no_update",
        f"UPDATE journal SET body = replace(body, '\"level\":4', '\"level\":5') WHERE {granted}",
    )
    found = await told.verify()
    assert not found.chain.ok
    assert found.findings[0].what == "unearned"
    assert str(found.findings[0]).startswith("grant 1 puts night-owl on level 5, and it stood at 3: a rung is skipped")
    assert [(one.table, one.column, one.stands, one.says) for one in found.findings[1:]] == [("levels", "level", 4, 5)]


async def test_rows_whose_entries_were_cut_off_stand_without_a_word_for_them(told: Ledger, forger: Forger) -> None:
    head = (await told.verify()).chain.head
    assert await told.holds(head)
    last = "(SELECT max(seq) FROM journal WHERE kind = 'level_granted')"
    forger.run("DROP TRIGGER journal_no_delete", f"DELETE FROM journal WHERE seq >= {last}")
    found = await told.verify()
    assert found.chain.ok
    added = {("added", table) for table in ("class_moves", "fingerprints", "incidents", "levels", "proposals")}
    assert {(one.what, one.table) for one in found.findings} == {*added, ("changed", "runs")}
    assert not await told.holds(head)


async def test_what_is_written_meanwhile_is_not_held_against_an_older_journal(told: Ledger, url: str) -> None:
    """The next page of rows is read while another writer is at it: both are of the moment at which reading began."""
    wrote: list[int] = []

    def seen(_: int) -> None:
        if not wrote:
            wrote.append(1)
            with closing(sqlite3.connect(url.partition("///")[2])) as file:
                file.execute("UPDATE levels SET level = 1")
                file.commit()

    assert (await told.verify(seen)).ok
    assert not (await told.verify()).ok


async def test_what_older_entries_do_not_tell_is_counted_and_not_guessed(told: Ledger, forger: Forger) -> None:
    """An entry from before `ask_opened` told the agent; its hash is that of what it says."""
    forger.run("DROP TRIGGER journal_no_update")

    def older(tx: Write) -> None:
        tx.connection.execute(text("UPDATE journal SET body = json_remove(body, '$.agent') WHERE kind = 'ask_opened'"))

    await told.write(older, durable=True)
    found = await told.verify()
    assert found.untold["asks.agent"] == found.rows["asks"]
    assert found.findings == ()
