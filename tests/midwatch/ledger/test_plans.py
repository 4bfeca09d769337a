"""What the keeper, a scrape and a command that waits ask again and again goes through no table, however much ever happened."""

from __future__ import annotations

import shutil
from collections.abc import Awaitable, Callable
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from midwatch.halt import Target
from midwatch.ledger import Arrival, Ledger
from midwatch.ledger.transaction import Read
from midwatch.spec import DayLimits
from tests.midwatch.ledger.conftest import START

RUN: dict[str, Any] = {
    "agent": "owl",
    "cause": "person",
    "slot": None,
    "level": 3,
    "asked_level": None,
    "input": {"n": 1},
    "fingerprint": "f",
    "started_at": START,
}
ASKED: dict[str, Callable[[Ledger], Awaitable[object]]] = {
    "start_run": lambda ledger: ledger.start_run("r", **RUN),
    "unfinished_runs": lambda ledger: ledger.unfinished_runs(),
    "decided_runs": lambda ledger: ledger.decided_runs(),
    "agents_ended_since": lambda ledger: ledger.agents_ended_since(START),
    "ended_since": lambda ledger: ledger.ended_since(START),
    "caught_by everything": lambda ledger: ledger.caught_by(Target("all"), START),
    "caught_by an agent": lambda ledger: ledger.caught_by(Target("agent", "owl"), START),
    "schedules_of": lambda ledger: ledger.schedules_of("owl", START),
    "schedules_standing": lambda ledger: ledger.schedules_standing(),
    "slots_between": lambda ledger: ledger.slots_between("owl", START, START),
    "runs_left_today": lambda ledger: ledger.runs_left_today("owl", DayLimits(runs=9), START, at_most=9),
    "trust_in": lambda ledger: ledger.trust_in("owl", "f", START),
    "class_record": lambda ledger: ledger.class_record("owl", "ask.push", "f", START),
    "run_record": lambda ledger: ledger.run_record("owl", "f", START),
    "rules_asked": lambda ledger: ledger.rules_asked("owl", "f"),
    "last_fingerprint": lambda ledger: ledger.last_fingerprint("owl"),
    "open_proposals": lambda ledger: ledger.open_proposals(),
    "gauges": lambda ledger: ledger.gauges(START),
}
WHOLE = ("SCAN up", "SCAN house_limits", "SCAN journal USING INDEX", "SCAN day_totals USING INDEX")
"""Runs above a run; the last row of each; a row an agent and day, of which the sums of all time are made."""


@contextmanager
def statements() -> Any:
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, _context: Any, _many: bool) -> None:
        if statement.lstrip().startswith(("SELECT", "WITH")):
            found.append((statement, parameters))

    event.listen(Engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)


@pytest.mark.parametrize("name", ASKED)
async def test_no_question_that_is_asked_all_the_time_goes_through_a_table(
    name: str, blank_sqlite: Path, tmp_path: Path
) -> None:
    shutil.copy(blank_sqlite, tmp_path / "ledger.db")
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}") as ledger:
        lines = await plan(ledger, ASKED[name])
    assert lines
    assert [line for line in lines if line.startswith("SCAN") and not line.startswith(WHOLE)] == []


async def test_each_of_them_can_be_asked_of_either_database(ledger: Ledger) -> None:
    for ask in ASKED.values():
        await ask(ledger)


@pytest.mark.parametrize("slot", [None, "event arrival:a1"])
async def test_a_run_begins_without_a_walk_through_what_its_agent_ever_got(
    slot: str | None, blank_sqlite: Path, tmp_path: Path
) -> None:
    shutil.copy(blank_sqlite, tmp_path / "ledger.db")
    came = Arrival(agent="owl", trigger="w", delivery="d", payload="{}", input={"n": 1})
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}") as ledger:
        row, _ = await ledger.enter_arrival(came)
        own = slot and f"event arrival:{row.arrival_id}"
        lines = await plan(ledger, lambda ledger: ledger.start_run("r", **{**RUN, "slot": own}))
    walks = [line for line in lines if "arrivals" in line]
    found_by = ("arrival_id=?", "input_sha256=?", "joined=?")
    assert walks
    assert [line for line in walks if not any(key in line for key in found_by)] == []


async def plan(ledger: Ledger, ask: Callable[[Ledger], Awaitable[object]]) -> list[str]:
    """How SQLite would find what is asked for, line by line."""
    with statements() as asked:
        await ask(ledger)
    lines: list[str] = []
    for statement, parameters in asked:
        lines += await ledger.read(partial(_explained, statement, parameters))
    return lines


def _explained(statement: str, parameters: Any, tx: Read) -> list[str]:
    rows = tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
    return [str(row[-1]) for row in rows]
