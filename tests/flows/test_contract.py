"""A contract in real runs: what was before, what must hold all the time, and who may write the judge. All side by side."""

from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from midwatch.ledger import RunRow
from tests.flows.conftest import Night
from tests.flows.processes import killed, there
from tests.flows.scripted_model import Hold, call

WRITER = """
tools:
  - write_file: {{root: work/{name}}}
rules: {{allow: [write_file]}}
ceiling: 4
contract:
{contract}
"""
CONTRACTS = {
    "nothing-came-in": "  noop_when:\n    - files: {glob: work/nothing-came-in/*.csv, at_most: 0}",
    "broken-before": (
        "  noop_when:\n    - files: {glob: work/broken-before/*.csv, at_most: 0}\n"
        "  invariants:\n    - file: {path: work/broken-before/lines, contains: ['2']}\n      name: two lines"
    ),
    "elsewhere": (
        "  done_when:\n    - unchanged: {within: work/elsewhere, apart_from: [work/elsewhere/a]}\n"
        "    - effects: {tool: write_file, equals: 1}"
    ),
    "broken": (
        "  done_when:\n    - file: {path: work/broken/a}\n"
        "  invariants:\n    - effects: {tool: write_file, at_most: 1}\n      name: one file"
    ),
    "killed": (
        "  done_when:\n    - change: {file: work/killed/lines, measure: lines, by: 2}\n"
        "  invariants:\n    - unchanged: {within: work/killed, apart_from: [work/killed/lines]}"
    ),
    "own-judge": "  done_when:\n    - command: {argv: [sh, work/own-judge/check.sh]}",
}


def writes(path: str, content: str = "x\n") -> object:
    return call("write_file", path=path, content=content)


TURNS = {
    "nothing-came-in": [],
    "broken-before": [],
    "elsewhere": [writes("a")],
    "broken": [writes("a"), writes("b"), writes("c")],
    "killed": [writes("lines", "1\n2\n"), writes("lines", "1\n2\n3\n")],
    "own-judge": [writes("a")],
}


async def begun(night: Night, name: str) -> UUID:
    (night.project / "work" / name).mkdir(parents=True)
    (night.project / "work" / name / "lines").write_text("1\n")
    agent = night.agent(name, WRITER.format(name=name, contract=CONTRACTS[name]), *TURNS[name], "done")  # type: ignore[arg-type]  # each is a turn
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    return await night.start(agent)


async def killed_between_two_effects(night: Night, name: str) -> UUID:
    hold = night.script.holds[name] = Hold(turn=1)
    run_id = await begun(night, name)
    await there(hold.reached.is_set)
    await killed(night.house, run_id)
    hold.go.set()
    return run_id


_ROWS: dict[str, RunRow] = {}


@pytest.fixture
async def rows(night: Night) -> dict[str, RunRow]:
    """How each run ended; they are made once."""
    if not _ROWS:
        ids = await asyncio.gather(
            *(killed_between_two_effects(night, name) if name == "killed" else begun(night, name) for name in CONTRACTS)
        )
        ended = await asyncio.gather(*(night.ended(run_id, 240) for run_id in ids))
        _ROWS.update(zip(CONTRACTS, ended, strict=True))
    return _ROWS


@pytest.mark.parametrize(
    ("name", "outcome", "says", "asked"),
    [
        ("nothing-came-in", "verified_noop", "0 files", 0),
        ("broken-before", "failed", "what must hold all the time does not: two lines: it does not contain '2'", 0),
        ("elsewhere", "verified", "2 of 2 checks", 2),
        ("broken", "failed", "what must hold all the time does not: one file: expected at most 1, found 2", 2),
        ("killed", "verified", "1 of 1 checks", 4),
        ("own-judge", "failed", "write_file could write work/own-judge/check.sh, which its contract runs", 0),
    ],
)
async def test_a_run_ends_as_its_contract_says(
    night: Night, rows: dict[str, RunRow], name: str, outcome: str, says: str, asked: int
) -> None:
    assert (rows[name].outcome, says in rows[name].reason) == (outcome, True), rows[name].reason
    assert night.script.count(name) == asked


async def test_behind_a_broken_invariant_nothing_more_is_done(night: Night, rows: dict[str, RunRow]) -> None:
    effects = await night.ledger.effects_of(rows["broken"].run_id)
    assert [effect.state for effect in effects] == ["consumed", "consumed"]
    assert sorted(path.name for path in (night.project / "work" / "broken").iterdir()) == ["a", "b", "lines"]
    (missed,) = [finding for finding in rows["broken"].findings if not finding.held]
    assert (missed.check, missed.detail) == ("one file", "expected at most 1, found 2")
