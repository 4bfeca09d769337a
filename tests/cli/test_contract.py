"""`midwatch contract` looks at the world without a model, now or for a run, and proposes what could be checked."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.home import House
from cli.main import app
from midwatch.agent_file import parse_agent
from midwatch.ledger import Ledger

HEAD = "name: tidy\ndescription: d\ninstructions: i\ntools:\n  - write_file: {root: work}\n"
CONTRACT = """contract:
  noop_when:
    - files: {glob: in/*, at_most: 0}
  done_when:
    - file: {path: work/out.txt, newer_than_start: true}
    - effects: {tool: write_file, equals: 1}
  invariants:
    - unchanged: {apart_from: [work/**, agents/**, home/**]}
"""


@pytest.fixture
def project(house: House, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIDWATCH_PROJECT", str(house.project))
    monkeypatch.setenv("MIDWATCH_HOME", str(house.home))
    (house.project / "prefect.yaml").write_text("deployments: []\n")
    (house.project / "agents").mkdir()
    (house.project / "work").mkdir()
    (house.project / "in").mkdir()
    (house.project / "agents" / "tidy.yaml").write_text(HEAD + CONTRACT)
    return house.project


def midwatch(*words: str) -> Result:
    return CliRunner().invoke(app, ["contract", "tidy", *words])


def found(result: Result) -> dict[str, list[tuple[bool, str]]]:
    said = json.loads(result.stdout)
    parts = ("noop_when", "done_when", "invariants")
    return {part: [(one["held"], one["detail"]) for one in said[part]] for part in parts}


async def one_run(house: House, run_id: str, *, writes: int = 1) -> None:
    """A run as the ledger has it, whose file is there."""
    async with Ledger.open(f"sqlite+aiosqlite:///{house.home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        facts: dict[str, Any] = {"slot": None, "level": 4, "asked_level": None, "input": {}, "fingerprint": "f"}
        await ledger.start_run(run_id, agent="tidy", cause="person", started_at=datetime.now(UTC), **facts)
        before: dict[str, Any] = {"invariants/0": {"seen": {}}}
        await ledger.record_step(
            run_id, "contract/before", kind="monitoring", name="before", result_json=json.dumps(before)
        )
        for number in range(writes):
            call: dict[str, Any] = {"tool": "write_file", "args_json": '{"content":"x","path":"out.txt"}'}
            reserved = await ledger.reserve(run_id, f"main/{number}", digest="d", idempotency_key=f"k{number}", **call)
            position = f"main/tool/{number}"
            await ledger.record_step(
                run_id,
                position,
                kind="tool",
                name="write_file",
                detail=call["args_json"],
                result_json="{}",
                effect_id=reserved.effect_id,
            )
        (house.project / "work" / "out.txt").write_text("x")
        await ledger.finish_run(run_id, outcome="verified", reason="")


def test_without_a_run_it_is_as_if_one_began_now(project: Path) -> None:
    (project / "work" / "out.txt").write_text("of last night")
    result = midwatch("--json")
    assert result.exit_code == 1, result.output
    assert found(result)["noop_when"] == [(True, "0 files")]
    assert found(result)["done_when"][1] == (False, "expected 1, found 0")
    assert found(result)["invariants"][0][0]


def test_for_a_run_it_knows_what_was_before_and_what_was_done(project: Path, house: House) -> None:
    asyncio.run(one_run(house, "4f1c-0001"))
    (project / "prefect.yaml").unlink()
    result = midwatch("--run", "4f1c", "--json")
    assert (result.exit_code, json.loads(result.stdout)["holds"]) == (0, True), result.output
    (project / "elsewhere").touch()
    result = midwatch("--run", "4f1c", "--json")
    assert result.exit_code == 1
    assert found(result)["invariants"] == [(False, "0 files in .; new: elsewhere")]
    assert "does not hold · unchanged in .: 0 files in .; new: elsewhere" in midwatch("--run", "4f1c").stdout


def test_an_agent_without_a_contract_is_told_apart(project: Path) -> None:
    (project / "agents" / "tidy.yaml").write_text(HEAD)
    result = midwatch()
    assert (result.exit_code, "midwatch contract tidy --suggest" in result.stdout) == (3, True)


def test_a_run_that_is_not_there_is_named(project: Path, house: House) -> None:
    result = midwatch("--run", "nope")
    assert "no single run begins or ends with 'nope'" in str(result.exception)


def test_a_contract_is_proposed_from_its_runs_and_no_file_is_changed(project: Path, house: House) -> None:
    assert midwatch("--suggest").exit_code == 1
    asyncio.run(one_run(house, "first"))
    asyncio.run(one_run(house, "second"))
    before = (project / "agents" / "tidy.yaml").read_text()
    result = midwatch("--suggest")
    assert result.exit_code == 0, result.output
    spec = parse_agent(HEAD + result.stdout, path="tidy.yaml", stem="tidy")
    assert [check.kind for check in spec.contract.done_when] == ["file", "effects"]
    assert (project / "agents" / "tidy.yaml").read_text() == before
    assert [one["why"] for one in json.loads(midwatch("--suggest", "--json").stdout)["done_when"]] == [
        "written in 2 of 2 runs",
        "1 in each of 2 runs",
    ]
