"""A number after the run against what it was before: of a database or of a file."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from midwatch.contract import ChangeCheck, Finding
from midwatch.run import RunFacts
from tasks.monitoring.checks import change
from tasks.monitoring.evidence import CannotLook

SHOP = {"SHOP": "sqlite:///shop.db"}
ORDERS: dict[str, Any] = {"sql": {"url_env": "SHOP", "query": "SELECT count(*) FROM orders"}}


def orders(project: Path, *names: str) -> None:
    shop = sqlite3.connect(project / "shop.db")
    with shop:
        shop.execute("CREATE TABLE IF NOT EXISTS orders (name)")
        shop.executemany("INSERT INTO orders VALUES (?)", [(name,) for name in names])
    shop.close()


async def after_one_more(facts: RunFacts, **check: Any) -> Finding:
    """One order is there; the run brings another, and a line, and counts on."""
    wanted = ChangeCheck(**check)
    orders(facts.project, "first")
    (facts.project / "count").write_text("7\n")
    was = await change.before(wanted, facts, environment=SHOP)
    orders(facts.project, "second")
    (facts.project / "count").write_text("8\n8\n8\n" if check.get("measure") else "8\n")
    return await change.look(wanted, "change", facts, was, environment=SHOP)


@pytest.mark.parametrize(
    ("check", "held", "said"),
    [
        ({**ORDERS, "by": 1}, True, "expected +1: 1 before, 2 now"),
        ({**ORDERS, "by": 2}, False, "expected +2: 1 before, 2 now"),
        ({**ORDERS, "by": 0}, False, "expected no change: 1 before, 2 now"),
        ({**ORDERS, "by_at_least": 1}, True, "expected at least +1: 1 before, 2 now"),
        ({**ORDERS, "by_at_least": 2}, False, "expected at least +2: 1 before, 2 now"),
        ({"file": "count", "by": 1}, True, "expected +1: 7 before, 8 now"),
        ({"file": "count", "measure": "lines", "by": 2}, True, "expected +2: 1 before, 3 now"),
        ({"file": "count", "measure": "bytes", "by": 4}, True, "expected +4: 2 before, 6 now"),
        ({"file": "never", "measure": "lines", "by": 0}, True, "expected no change: 0 before, 0 now"),
    ],
)
async def test_before_and_now_are_compared_and_told(
    facts: RunFacts, check: dict[str, Any], held: bool, said: str
) -> None:
    finding = await after_one_more(facts, **check)
    assert (finding.held, finding.detail) == (held, said)


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"file": "never", "by": 1}, "never"),
        ({"file": "words", "by": 1}, "'seven' is not a number"),
        ({"file": "../x", "by": 1}, "outside the project"),
        ({"sql": {"url_env": "OTHER", "query": "SELECT 1"}, "by": 1}, r"\$OTHER is not set"),
        ({"sql": {"url_env": "SHOP", "query": "SELECT 1 WHERE 1 = 0"}, "by": 1}, "found no row"),
        ({"sql": {"url_env": "SHOP", "query": "SELECT 'nan'"}, "by": 1}, "'nan' is not a number"),
    ],
)
async def test_what_is_no_number_cannot_be_compared(facts: RunFacts, check: dict[str, Any], said: str) -> None:
    orders(facts.project)
    (facts.project / "words").write_text("seven")
    with pytest.raises((CannotLook, FileNotFoundError), match=said):
        await change.before(ChangeCheck(**check), facts, environment=SHOP)
