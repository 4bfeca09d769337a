"""A ledger that cannot be written now is another matter than one that refuses."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from midwatch.errors import LedgerAway, LedgerError
from midwatch.ledger import Ledger


async def test_a_ledger_that_another_process_keeps_locked_is_away_after_the_time_in_its_url(tmp_path: Path) -> None:
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}?timeout=0.1") as ledger:
        await ledger.migrate()
        with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LedgerAway, match="database is locked"):
                await ledger.claim_slot("night-owl", "slot", "run-1")
        assert (await ledger.claim_slot("night-owl", "slot", "run-1")).won


async def test_a_ledger_that_refuses_is_not_away(tmp_path: Path) -> None:
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}") as ledger:
        await ledger.migrate()
        with pytest.raises(LedgerError) as refused:
            await ledger.finish_run("nobody", outcome="failed", reason="")
    assert not isinstance(refused.value, LedgerAway)
