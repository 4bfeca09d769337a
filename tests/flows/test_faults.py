"""What may be wrong with a run, each with its outcome and its message."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from midwatch.ledger import RunRow
from tests.flows.conftest import Night
from tests.flows.scripted_model import Turn, call

HEAD = """
tools:
  - read_file: {root: work}
  - write_file: {root: work}
ceiling: 4
"""
CONTRACT = "contract:\n  done_when:\n    - file: {path: work/never.txt}\n"
READS = call("read_file", path="note.txt")

CASES: dict[str, tuple[str, tuple[Turn, ...]]] = {
    "wrong-file": ("tools: [shel]\n", ("done",)),
    "denied-tool": (f"{HEAD}rules:\n  deny: [read_file]\n{CONTRACT}", (READS, "I could not, but all is well")),
    "full-budget": (f"{HEAD}rules:\n  allow: [read_file]\nlimits: {{steps: 2}}\n{CONTRACT}", (READS,) * 9),
    "failing-contract": (f"{HEAD}{CONTRACT}", ("all done, I promise",)),
    "no-contract": (HEAD, ("all done, I promise",)),
    "no-model": (f"{HEAD}{CONTRACT}", ("never said",)),
    "nothing-to-do": (f"{HEAD}contract:\n  noop_when:\n    - file: {{path: work/inbox, exists: false}}\n", ()),
}
_rows: dict[str, RunRow] = {}


async def ended(night: Night, name: str) -> RunRow:
    body, turns = CASES[name]
    agent = night.agent(name, body, *turns)
    if name == "no-model":
        night.script.status[agent] = 401
    run_id: UUID = await night.start(agent)
    return await night.ended(run_id)


@pytest.fixture
async def rows(night: Night) -> dict[str, RunRow]:
    """How each case ended; the runs are made once."""
    if not _rows:
        (night.project / "work").mkdir(exist_ok=True)
        (night.project / "work" / "note.txt").write_text("a note")
        _rows.update(zip(CASES, await asyncio.gather(*(ended(night, name) for name in CASES)), strict=True))
    return _rows


@pytest.mark.parametrize(
    ("name", "outcome", "says"),
    [
        ("wrong-file", "failed", "shell"),
        ("denied-tool", "blocked", "read_file"),
        ("full-budget", "blocked", "limits.steps"),
        ("failing-contract", "failed", "never.txt"),
        ("no-contract", "unverified", "contract.done_when"),
        ("no-model", "failed", "key"),
        ("nothing-to-do", "verified_noop", "inbox"),
    ],
)
async def test_each_fault_has_its_outcome_and_says_what_is_wrong(
    rows: dict[str, RunRow], name: str, outcome: str, says: str
) -> None:
    assert (rows[name].outcome, says in rows[name].reason) == (outcome, True), rows[name].reason


async def test_a_run_with_nothing_to_do_asks_no_model(night: Night, rows: dict[str, RunRow]) -> None:
    assert night.script.count("nothing-to-do") == 0
