from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

from midwatch.ledger import Ledger
from midwatch.ledger.dialect import Dialect

RUN: dict[str, Any] = {"agent": "one", "cause": "manual", "slot": None, "level": 3, "asked_level": None}
RUN |= {"input": {}, "fingerprint": "f", "started_at": datetime(2026, 3, 1, tzinfo=UTC)}


async def _one_run(path: Path) -> None:
    async with Ledger.open(f"sqlite+aiosqlite:///{path}") as ledger:
        await ledger.start_run("a", **RUN)
        assert await ledger.run("a")


async def test_a_statement_is_compiled_once_in_a_process(
    tmp_path: Path, blank_sqlite: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("one", "other"):
        shutil.copy(blank_sqlite, tmp_path / name)
    await _one_run(tmp_path / "one")
    compiled: list[object] = []

    class Counting(SQLiteCompiler):
        def __init__(self, dialect: Dialect, statement: object, *args: object, **options: object) -> None:
            compiled.append(statement)
            super().__init__(dialect, statement, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Dialect, "statement_compiler", Counting)
    await _one_run(tmp_path / "other")
    assert compiled == []
