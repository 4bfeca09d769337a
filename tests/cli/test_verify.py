"""`midwatch verify`: what a person is told of a ledger, and the exit code that a script reads."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from midwatch.ledger import Ledger

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two grants."""
    monkeypatch.setenv("MIDWATCH_PROJECT", str(tmp_path))
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path))
    monkeypatch.delenv("MIDWATCH_LEDGER_URL", raising=False)

    async def furnish() -> None:
        async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}") as ledger:
            await ledger.migrate()
            await ledger.grant_level("owl", 2, by="ann", because="it is new")
            await ledger.grant_level("owl", 3, by="ann", because="it knows the house now")

    asyncio.run(furnish())
    return tmp_path / "ledger.db"


def say(*words: str) -> Result:
    return CliRunner().invoke(app, ["verify", *words], env={"COLUMNS": "300"}, catch_exceptions=False)


def forge(ledger: Path, statement: str) -> None:
    with closing(sqlite3.connect(ledger)) as file:
        file.execute(statement)
        file.commit()


def test_a_ledger_that_holds_says_so_with_its_head(ledger: Path) -> None:
    said = say()
    assert said.exit_code == 0
    assert "The journal is whole: 2 entries, head" in said.output
    assert "Every row is what the journal says of it" in said.output
    head = json.loads(say("--json").stdout)["chain"]["head"]
    assert say("--head", head).exit_code == 0
    assert say("--head", "0" * 64).exit_code == 4


def test_what_was_forged_is_named_and_the_exit_code_says_so(ledger: Path) -> None:
    forge(ledger, "UPDATE levels SET level = 5 WHERE grant_id = 2")
    said = say()
    assert said.exit_code == 4
    assert "levels grant_id 2: level stands as 5; entry 2 says 3" in said.output
    (found,) = json.loads(say("--json").stdout)["findings"]
    assert (found["table"], found["key"], found["column"], found["stands"], found["says"]) == (
        "levels",
        {"grant_id": 2},
        "level",
        5,
        3,
    )


def test_a_broken_chain_is_named_with_its_entry(ledger: Path) -> None:
    forge(ledger, "DROP TRIGGER journal_no_update")
    forge(ledger, "UPDATE journal SET at = '2026-01-01T00:00:00.000000+00:00' WHERE seq = 2")
    said = say()
    assert said.exit_code == 4
    assert "The journal is broken at entry 2" in said.output
