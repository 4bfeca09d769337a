"""A database is asked one thing, and nothing that is asked can change it."""

from __future__ import annotations

import dataclasses
import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest

from midwatch.contract import Finding, SqlCheck
from midwatch.errors import SpecError
from midwatch.run import RunFacts
from tasks.monitoring.checks import sql

URL = {"SHOP_URL": "sqlite:///shop #1.db"}


@pytest.fixture
def shop(facts: RunFacts) -> RunFacts:
    with sqlite3.connect(facts.project / "shop #1.db") as database:
        database.execute("CREATE TABLE orders (id INTEGER, item TEXT, at TEXT DEFAULT '12:30')")
        database.executemany("INSERT INTO orders (id, item) VALUES (?, ?)", [(1, "mail/a.eml"), (2, "other")])
    database.close()
    return facts


async def found(facts: RunFacts, query: str, **check: Any) -> Finding:
    timeout = check.pop("timeout_seconds", 30)
    wanted = SqlCheck(url_env="SHOP_URL", query=query, **check)
    return await sql.look(wanted, "orders", facts, environment=URL, timeout_seconds=timeout)


@pytest.mark.parametrize(
    ("query", "check", "held", "detail"),
    [
        ("SELECT count(*) FROM orders", {"equals": 2}, True, "expected 2, found 2"),
        ("SELECT count(*) FROM orders", {"equals": 3}, False, "expected 3, found 2"),
        ("SELECT count(*) FROM orders", {"at_least": 2}, True, "expected at least 2, found 2"),
        ("SELECT count(*) FROM orders", {"at_least": 3}, False, "expected at least 3, found 2"),
        ("SELECT item FROM orders WHERE id = 2", {"equals": "other"}, True, "expected 'other', found 'other'"),
        ("SELECT item FROM orders WHERE id = 2", {"at_least": 1}, False, "expected at least 1, found 'other'"),
        ("SELECT id FROM orders WHERE id = 9", {"equals": 9}, False, "expected 9, found no row"),
        ("SELECT id FROM orders WHERE item = {item}", {"equals": 1}, True, "expected 1, found 1"),
        (
            "SELECT '{{item}}' || {item}",
            {"equals": "{item}mail/a.eml"},
            True,
            "expected '{item}mail/a.eml', found '{item}mail/a.eml'",
        ),
        ("SELECT count(*) FROM orders WHERE at = '12:30' AND ':x' = ':x'", {"equals": 2}, True, "expected 2, found 2"),
    ],
)
async def test_the_first_value_is_compared(
    shop: RunFacts, query: str, check: dict[str, Any], held: bool, detail: str
) -> None:
    finding = await found(shop, query, **check)
    assert (finding.held, finding.looked, finding.detail) == (held, True, detail)


@pytest.mark.parametrize(
    "query",
    [
        "DELETE FROM orders",
        "SELECT 1; DELETE FROM orders",
        "PRAGMA query_only = OFF",
        "DROP TABLE orders",
        "INSERT INTO orders (id) VALUES (3) RETURNING id",
        "ATTACH 'new.db' AS new",
        "VACUUM INTO 'new.db'",
    ],
)
async def test_no_statement_changes_anything_or_makes_a_file(
    shop: RunFacts, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shop.project)  # where a relative path would lead
    before = (shop.project / "shop #1.db").read_bytes()
    assert not (await found(shop, query, at_least=1)).held
    assert (shop.project / "shop #1.db").read_bytes() == before
    assert [path.name for path in shop.project.iterdir()] == ["shop #1.db"]


async def test_a_value_is_bound_and_never_becomes_sql(shop: RunFacts) -> None:
    hostile = dataclasses.replace(shop, item="x' OR '1'='1")
    finding = await found(hostile, "SELECT count(*) FROM orders WHERE item = {item}", equals=0)
    assert finding.held, finding.detail


async def test_a_query_without_end_is_stopped(shop: RunFacts) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    started = time.monotonic()
    finding = await found(shop, endless, at_least=1, timeout_seconds=0.3)
    assert (finding.held, finding.looked) == (False, False)
    assert time.monotonic() - started < 5


async def test_a_database_that_is_not_there_is_not_made(facts: RunFacts) -> None:
    finding = await found(facts, "SELECT 1", equals=1)
    assert (finding.held, finding.looked) == (False, False)
    assert "unable to open database file" in finding.detail
    assert not list(facts.project.iterdir())


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("", "is not set"),
        ("://", "is not an SQLAlchemy URL"),
        ("sqlite://", "is neither a SQLite file nor PostgreSQL"),
        ("mysql://someone:hunter2@db/x", "is neither a SQLite file nor PostgreSQL"),
    ],
)
def test_a_url_that_cannot_be_read_safely_is_refused_without_being_quoted(url: str, said: str) -> None:
    with pytest.raises(SpecError, match=said) as caught:
        sql.read_only(url, project=Path())
    assert "hunter2" not in str(caught.value)


async def test_a_server_that_is_away_was_not_seen_and_the_password_is_not_told(facts: RunFacts) -> None:
    check = SqlCheck(url_env="U", query="SELECT 1", equals=1)
    url = "postgresql://someone:hunter2@127.0.0.1:1/x"
    finding = await sql.look(check, "db", facts, environment={"U": url})
    assert (finding.held, finding.looked) == (False, False)
    assert "hunter2" not in finding.detail
