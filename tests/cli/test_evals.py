"""`midwatch evals`, with a model that calls every tool once and no network: a table, JSON, an exit code, and results kept."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from midwatch.agent_file import load_agent
from midwatch.fingerprint import fingerprint_of
from midwatch.ledger import Ledger
from tests.tasks.harness.lives import Run, Script
from tests.tasks.harness.test_evals import calls

TOOLS = [{"python": f"tests.tasks.harness.test_evals:{name}"} for name in ("look", "put")]
FILE = f"""name: a
description: d
instructions: Do it.
model: test
tools: {json.dumps(TOOLS)}
rules: {{allow: [look, put]}}
"""
"""pydantic-ai's `test` model calls each tool once, text arguments being "a", and then says so."""
Say = Callable[..., Result]


async def past(project: Path, **lives: str) -> None:
    """Verified runs by their ids, each of which looked at something and then put something."""
    async with Ledger.open(f"sqlite+aiosqlite:///{project / 'home' / 'ledger.db'}") as ledger:
        await ledger.migrate()
        for run_id, what in lives.items():
            facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 4, "asked_level": None, "input": {}}
            await ledger.start_run(run_id, agent="a", fingerprint="then", started_at=datetime.now(UTC), **facts)
            script = Script([calls("look a"), calls(f"put {what}"), "done"])
            rules: dict[str, Any] = {"allow": ["look", "put"]}
            run = Run(ledger=ledger, project=project, script=script, tools=list(TOOLS), rules=rules, run_id=run_id)
            await run.life()
            await ledger.finish_run(run_id, outcome="verified", reason="the contract held")


@pytest.fixture
def say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs `midwatch evals a`, and lets nothing out of the machine."""
    monkeypatch.setenv("MIDWATCH_PROJECT", str(tmp_path))
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MIDWATCH_LEDGER_URL", raising=False)
    (tmp_path / "home").mkdir()
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "a.yaml").write_text(FILE)

    def refused(_: socket.socket, address: object) -> None:
        raise AssertionError(f"something connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", refused)
    monkeypatch.setattr("cli.evals.adopt", lambda house: None)
    return lambda *words: CliRunner().invoke(app, ["evals", "a", *words], env={"COLUMNS": "200"})


def test_an_agent_that_does_the_same_passes_and_its_results_are_kept(say: Say, tmp_path: Path) -> None:
    asyncio.run(past(tmp_path, one="a"))
    result = say()
    assert (result.exit_code, "1 of 1 pass" in result.output) == (0, True), result.output
    mark = fingerprint_of(load_agent("a", tmp_path / "agents"), ["test"]).whole

    async def kept() -> list[bool]:
        async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'home' / 'ledger.db'}") as ledger:
            return [row.passed for row in await ledger.last_eval("a", mark)]

    assert asyncio.run(kept()) == [True]


def test_one_case_that_fails_is_named_and_makes_the_exit_code_1(say: Say, tmp_path: Path) -> None:
    asyncio.run(past(tmp_path, one="a", other="b"))
    result = say("--json")
    told = {one["run_id"]: (one["passed"], one["missing"], one["extra"]) for one in json.loads(result.stdout)}
    assert result.exit_code == 1
    assert told["one"] == (True, [], [])
    assert told["other"] == (False, ['put {"what":"b","words":""}'], ['put {"what":"a","words":""}'])
    assert say("--loose", "put.what").exit_code == 0
    assert say("--last", "1").exit_code == 1


def test_without_a_verified_run_there_is_nothing_to_try(say: Say, tmp_path: Path) -> None:
    asyncio.run(past(tmp_path))
    assert "no verified run yet" in str(say().exception)
