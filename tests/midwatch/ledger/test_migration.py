"""Migration: an older ledger is brought up once, whoever comes; a newer one is left alone."""

from __future__ import annotations

import asyncio
import shutil
import stat
from datetime import UTC, datetime
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from midwatch.errors import LedgerError
from midwatch.ledger import Ledger, migration
from midwatch.ledger.tables import metadata

OLD_ROWS = (
    "INSERT INTO runs (run_id, agent, cause, level, input_json, fingerprint, started_at) "
    "VALUES ('r1', 'night-owl', 'person', 3, '{}', 'f', '2026-03-01 03:00:00.000000+00:00')",
    "INSERT INTO asks (ask_id, run_id, agent, call_id, tool, args_json, digest, kind, rule, reason, words, created_at, "
    "deadline) VALUES ('a1', 'r1', 'night-owl', 'c1', 't', '{}', 'd', 'approve', '', '', '', "
    "'2026-03-01 03:00:00.000000+00:00', '2026-03-02 03:00:00.000000+00:00')",
    "INSERT INTO effects (run_id, call_id, digest, tool, args_json, idempotency_key, ask_id, state, attempts, why, "
    "reserved_at) VALUES ('r1', 'c1', 'd', 't', '{}', 'k', 'a1', 'reserved', 1, '', '2026-03-01 03:00:00.000000+00:00')",
)
"""What revision 0001 held: a question that waits, and an effect that refers to it."""


async def test_the_migrations_make_exactly_the_tables_that_the_code_knows(ledger: Ledger) -> None:
    assert await ledger.read(lambda tx: compare_metadata(MigrationContext.configure(tx.connection), metadata)) == []


def test_the_code_works_with_the_last_revision() -> None:
    assert ScriptDirectory(str(migration.MIGRATIONS)).get_heads() == [migration.HEAD]


async def test_an_older_ledger_keeps_its_questions_and_effects(empty_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migration, "HEAD", "0001")
    async with Ledger.open(empty_url) as ledger:
        await ledger.migrate()
        await ledger.write(lambda tx: [tx.connection.execute(text(row)) for row in OLD_ROWS], durable=True)
        monkeypatch.undo()
        await ledger.migrate()
        (ask,), (effect,) = await ledger.asks_of("r1"), await ledger.effects_of("r1")
        assert (ask.deadline, effect.ask_id) == (datetime(2026, 3, 2, 3, 0, tzinfo=UTC), ask.ask_id)
        assert [row.ask_id for row in await ledger.overdue_asks(datetime(2026, 3, 3, tzinfo=UTC))] == ["a1"]


async def test_migrating_twice_changes_nothing(empty_url: str) -> None:
    async with Ledger.open(empty_url) as ledger:
        await ledger.migrate()
        await ledger.claim_slot("night-owl", "s", "r1")
        await ledger.migrate()
        assert (await ledger.claim_slot("night-owl", "s", "r2")).holder == "r1"


async def test_two_that_migrate_at_once_both_succeed(empty_url: str) -> None:
    async with Ledger.open(empty_url) as one, Ledger.open(empty_url) as other:
        await asyncio.gather(one.migrate(), other.migrate())
        assert (await one.claim_slot("night-owl", "s", "r1")).won
        assert not (await other.claim_slot("night-owl", "s", "r2")).won


async def test_a_newer_ledger_is_refused(empty_url: str) -> None:
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    async with Ledger.open(empty_url) as ledger:
        await ledger.migrate()
        await ledger.write(lambda tx: tx.connection.execute(newer), durable=True)
        with pytest.raises(LedgerError, match="revision '9999', which this midwatch does not know"):
            await ledger.migrate()


async def test_a_ledger_without_tables_says_what_to_do(empty_url: str) -> None:
    async with Ledger.open(empty_url) as ledger:
        with pytest.raises(LedgerError, match="midwatch up"):
            await ledger.run("r1")


async def test_migrations_are_found_under_a_folder_with_odd_characters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    odd = tmp_path / "50% of it, here" / "migrations"
    shutil.copytree(migration.MIGRATIONS, odd)
    monkeypatch.setattr(migration, "MIGRATIONS", odd)
    async with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        await ledger.migrate()
        assert await ledger.run("r1") is None


async def test_a_new_ledger_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "home" / "ledger.db"
    async with Ledger.open(f"sqlite:///{path}") as ledger:
        await ledger.migrate()
        files = sorted(path.parent.iterdir())
        assert [stat.S_IMODE(file.stat().st_mode) for file in files] == [0o600] * 3
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("url", ["mysql://user:hunter2@host/db", "no url at all", "oracle://user:hunter2@host/db"])
def test_a_url_of_another_kind_is_refused_without_showing_its_password(url: str) -> None:
    with pytest.raises(LedgerError, match="postgresql\\+asyncpg") as refused:
        Ledger.open(url)
    assert "hunter2" not in str(refused.value)


async def test_a_database_that_is_away_is_named_without_its_password(tmp_path: Path) -> None:
    async with Ledger.open(f"postgresql://user:hunter2@/db?host={tmp_path}") as ledger:
        with pytest.raises(LedgerError, match="refused") as refused:
            await ledger.run("r1")
    assert "hunter2" not in str(refused.value)
