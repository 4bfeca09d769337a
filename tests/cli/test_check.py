"""`midwatch check` walks one agent up the layers and says where it stops."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.schedules import CronSchedule
from pydantic_ai.models.test import TestModel
from pydantic_ai.tools import ToolDefinition
from rich.console import Console
from typer.testing import CliRunner

from cli.check import table
from cli.environment import QUIET
from cli.home import House
from cli.layer_checks import Walk, model_result
from cli.main import app
from midwatch.agent_file import parse_agent
from midwatch.contract import Contract
from midwatch.halt import Target
from midwatch.layers import LAYERS, LayerResult
from midwatch.ledger import Ledger
from midwatch.run import Level
from midwatch.spec import McpServer, Rules
from tasks.model.probe import ProbeReport, Score
from tasks.tools.served import offered

PROJECT = Path(__file__).parents[2]
AGENT = """
name: tidy
description: Tidies up.
instructions: Be tidy.
model: openai:gpt-4o
tools:
  - read_file: {root: data}
  - delete_file: {root: data}
  - python: agents.inbox_triage.tools:draft_reply
    bind: {message: "{item}"}
rules: {allow: [read_file], deny: [delete_file]}
for_each: {files: mail/*.eml}
contract: {done_when: [{file: {path: report.md}}]}
"""


@pytest.fixture
async def walk(home: Path, tmp_path: Path) -> AsyncIterator[Walk]:
    spec = parse_agent(AGENT, path="tidy.yaml", stem="tidy")
    house = House(project=tmp_path, home=home)
    (tmp_path / "data").mkdir()
    async with AsyncExitStack() as stack:
        ledger = await stack.enter_async_context(Ledger.open(f"sqlite+aiosqlite:///{house.home}/ledger.db"))
        yield Walk(spec=spec, house=house, ledger=ledger, stack=stack, environment={}, thinker=TestModel())


async def test_tools_and_rules_are_tried_without_a_run(walk: Walk) -> None:
    tools = await walk.tools()
    assert tools.detail == "3: delete_file (destroy), draft_reply (note), read_file (read)"
    permissions = await walk.permissions()
    assert permissions.ok
    rules = "1 deny, 0 ask, 1 allow, anything else asks; level 3 (ceiling 3)"
    assert permissions.detail == f"{rules}; the halt latch was never tried here"


async def test_it_says_when_the_halt_latch_last_held_and_fails_where_it_does_not(walk: Walk) -> None:
    await walk.tools()
    await walk.ledger.record_halt_check(held=True, detail="it bites")
    assert "the halt latch held when it was last tried" in (await walk.permissions()).detail
    await walk.ledger.record_halt_check(held=False, detail="an effect passed")
    result = await walk.permissions()
    assert not result.ok
    assert "the halt latch DID NOT HOLD" in result.detail
    assert "an effect passed; it last held" in result.detail


async def test_an_agent_that_is_halted_is_not_fit_to_run(walk: Walk) -> None:
    await walk.tools()
    await walk.ledger.halt(Target.of("tidy"), by="anna", via="cli", because="it spends")
    result = await walk.permissions()
    assert (result.ok, result.hint) == (False, "`midwatch resume tidy` lifts it")


async def test_a_server_whose_tool_changed_fails_until_a_person_has_looked(walk: Walk) -> None:
    server = McpServer(name="book", command=["book"])
    for description, ok in (("Reads.", True), ("Sends.", False), ("Reads.", True)):
        walk.offered = {"mcp__book__read": offered(server, ToolDefinition(name="read", description=description))}
        bare = dataclasses.replace(walk, spec=walk.spec.model_copy(update={"rules": Rules(), "tools": []}))
        result = await bare.permissions()
        assert result.ok is ok
        assert ok or "`midwatch pins tidy` shows it" in result.detail


async def test_a_tool_that_could_write_the_contracts_own_script_is_named(walk: Walk) -> None:
    script = {"command": {"argv": ["python3", "data/check.py"]}}
    contract = Contract.model_validate({"done_when": [script]})
    own = dataclasses.replace(walk, spec=walk.spec.model_copy(update={"contract": contract}))
    result = await own.monitoring()
    assert not result.ok
    assert "delete_file could write data/check.py, which its contract runs" in result.detail


async def test_a_contract_without_checks_is_in_order_and_is_warned_about(walk: Walk) -> None:
    assert (await walk.monitoring()).hint == ""
    contract = walk.spec.contract.model_copy(update={"done_when": []})
    bare = dataclasses.replace(walk, spec=walk.spec.model_copy(update={"contract": contract}))
    result = await bare.monitoring()
    assert result.ok
    assert "no run ends better than `unverified`" in result.hint


async def test_in_a_house_that_is_up_the_harness_holds_and_the_trigger_fails_without_a_deployment(
    walk: Walk, in_house: Any
) -> None:
    walk.house = in_house.house
    assert await walk.harness() == LayerResult(
        layer="harness", ok=True, detail="the server answers, the ledger's chain is whole"
    )
    trigger = await walk.trigger()
    assert not trigger.ok
    assert "Prefect has no deployment named 'tidy'" in trigger.detail
    assert "prefect.yaml" in trigger.hint


@pytest.mark.parametrize("limit", [1, None])
async def test_a_scheduled_deployment_is_in_order_where_prefect_holds_its_second_run_back(
    walk: Walk, in_house: Any, limit: int | None
) -> None:
    walk.house, name = in_house.house, f"tidy-{limit or 'all'}"
    walk.spec = walk.spec.model_copy(update={"name": name})
    async with get_client() as client:
        flow_id = await client.create_flow_from_name("agent-run")
        schedules = [DeploymentScheduleCreate(schedule=CronSchedule(cron="0 3 * * *"))]
        await client.create_deployment(
            flow_id, name=name, parameters={"agent": name}, schedules=schedules, concurrency_limit=limit, paused=False
        )
    assert (await walk.trigger()).ok is (limit == 1)


async def test_a_server_that_is_not_the_houses_own_is_no_server(walk: Walk, in_house: Any) -> None:
    walk.house = dataclasses.replace(in_house.house, port=1)
    result = await walk.harness()
    assert not result.ok
    assert "not to the house at http://127.0.0.1:1/api" in result.detail


async def test_without_a_house_the_harness_fails_and_says_what_starts_one(walk: Walk) -> None:
    result = await walk.harness()
    assert not result.ok
    assert "no house was ever started" in result.detail
    assert "midwatch up" in result.hint


STRANGER = """
import asyncio, os
from pathlib import Path
from cli.check import enter
from cli.home import House
enter(House(project=Path.cwd(), home=Path.cwd() / "home"))
from prefect.client.orchestration import get_client
async def ask():
    async with get_client() as client:
        print("answered", client.api_url)
try:
    asyncio.run(ask())
except ValueError as error:
    print("refused", error)
print("strangers", [name for name in os.environ if name == "PREFECT_API_KEY"], os.environ["DO_NOT_TRACK"])
"""


def test_without_a_house_no_server_is_started_and_no_other_is_asked(tmp_path: Path) -> None:
    (tmp_path / "home" / "prefect").mkdir(parents=True)
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT_", "DO_NOT_TRACK"))}
    stray = {"PREFECT_API_URL": "http://127.0.0.1:9/api", "PREFECT_API_KEY": "x", "HOME": str(tmp_path)}
    process = subprocess.run(
        [sys.executable, "-c", STRANGER],
        cwd=tmp_path,
        env={**kept, **stray, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert process.stdout.startswith("refused"), process.stdout + process.stderr
    assert process.stdout.splitlines()[-1] == "strangers [] 1"
    assert not list(tmp_path.rglob("prefect.db"))


def test_a_missing_key_fails_the_first_layer_and_nothing_above_is_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "tidy.yaml").write_text(AGENT)
    for name, value in {"MIDWATCH_PROJECT": tmp_path, "MIDWATCH_HOME": tmp_path / "home"}.items():
        monkeypatch.setenv(name, str(value))
    for name in ("PREFECT_HOME", "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE", "DO_NOT_TRACK", *QUIET):
        monkeypatch.setenv(name, os.environ.get(name, "false"))  # so that the old value comes back
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    result = CliRunner().invoke(app, ["check", "tidy", "--json"])
    assert result.exit_code == 1, result.output
    (only,) = json.loads(result.stdout)
    assert (only["layer"], only["ok"]) == ("model", False)
    assert "OPENAI_API_KEY" in only["detail"]


def report(choice: int, arguments: int, typed: int) -> ProbeReport:
    return ProbeReport(
        model="m",
        scores={
            "tool choice": Score(right=choice, of=6),
            "arguments": Score(right=arguments, of=5),
            "typed output": Score(right=typed, of=4),
        },
        requests=10,
        seconds=1,
        misses=[],
    )


@pytest.mark.parametrize(
    ("scores", "level", "has_tools", "ok"),
    [
        ((6, 5, 4), 5, True, True),
        ((5, 4, 3), 3, True, True),
        ((5, 4, 3), 4, True, False),
        ((4, 1, 0), 3, True, False),
        ((0, 0, 0), 2, True, False),
        ((0, 0, 0), 5, False, True),
    ],
)
def test_a_model_has_to_be_good_enough_for_the_level_of_its_agent(
    scores: tuple[int, int, int], level: Level, has_tools: bool, ok: bool
) -> None:
    result = model_result(report(*scores), level=level, has_tools=has_tools)
    assert result.ok == ok
    assert bool(result.hint) != ok


def test_the_table_shows_every_layer_and_hides_no_character() -> None:
    results = [
        LayerResult(layer="model", ok=True, detail="10 of 10"),
        LayerResult(layer="tools", ok=False, detail="no [bold]sandbox[/] \u202e", hint="install bubblewrap"),
    ]
    console = Console(width=200)
    with console.capture() as shown:
        console.print(table(results))
    text = shown.get()
    assert all(layer in text for layer in LAYERS)
    assert "no [bold]sandbox[/] ‹U+202E›" in text
    assert "install bubblewrap" in text
    assert text.count("not tried") == 4
