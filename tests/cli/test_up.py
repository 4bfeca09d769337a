"""`midwatch up`, `status` and `env` as a person types them, against a real house; and what `up` deploys."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterDeploymentId
from prefect.client.schemas.objects import FlowRun
from prefect.client.schemas.sorting import FlowRunSort
from typer.testing import CliRunner

from cli import deployments, occupancy
from cli.home import House
from cli.main import app
from midwatch.errors import HouseError, SpecError

if TYPE_CHECKING:
    from tests.conftest import PrefectHouse

FLOW = "from prefect import flow\n\n\n@flow\ndef tick() -> None:\n    pass\n"
DEPLOYMENT = """
deployments:
  - name: every-minute
    entrypoint: flows/tick.py:tick
    work_pool: {name: midwatch}
    schedules:
      - cron: "* * * * *"
        slug: each
"""
WANTED = [{"name": "every-minute", "entrypoint": "flows/tick.py:tick", "schedules": [{"cron": "* * * * *"}] * 2}]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "flows").mkdir()
    (tmp_path / "flows" / "tick.py").write_text(FLOW)
    (tmp_path / "prefect.yaml").write_text(DEPLOYMENT)
    return tmp_path


async def scheduled_runs(client: PrefectClient, deployment: UUID) -> list[FlowRun]:
    """What the server's scheduler has made of the deployment's cron line, once it has."""
    mine = FlowRunFilter(deployment_id=FlowRunFilterDeploymentId(any_=[deployment]))
    for _ in range(240):
        if runs := await client.read_flow_runs(flow_run_filter=mine, sort=FlowRunSort.ID_DESC):
            return runs
        await asyncio.sleep(0.5)
    return []


async def test_up_deploys_and_a_cron_deployment_really_yields_scheduled_runs(
    in_house: PrefectHouse, project: Path
) -> None:
    argv = [str(Path(sys.executable).with_name("midwatch")), "up", "--json"]
    environ = {**in_house.env, "MIDWATCH_PROJECT": str(project)}
    seen = await asyncio.to_thread(
        subprocess.run, argv, env=environ, capture_output=True, text=True, cwd="/", check=False
    )
    assert seen.returncode == 0, seen.stderr
    answer = json.loads(seen.stdout)
    assert (answer["already_up"], answer["ui"]) == (True, in_house.house.url)
    assert answer["deployments"] == ["every-minute"]
    async with get_client() as client:
        deployment = await client.read_deployment_by_name("tick/every-minute")
        runs = await scheduled_runs(client, deployment.id)
        left_out = await deployments.faults([*WANTED, {"name": "never-deployed"}])
        await client.delete_deployment(deployment.id)
    assert left_out == ["'every-minute' has 1 schedules, prefect.yaml says 2", "'never-deployed' does not exist"]
    next_minutes = datetime.now(UTC) + timedelta(minutes=3)
    assert any(run.expected_start_time and run.expected_start_time < next_minutes for run in runs)


def test_a_prefect_yaml_that_is_missing_or_no_list_says_so(house: House) -> None:
    with pytest.raises(SpecError, match="there is no such file"):
        deployments.ensure(house, occupancy.silent)
    (house.project / "prefect.yaml").write_text("name: nothing\n")
    with pytest.raises(SpecError, match="holds no list `deployments`"):
        deployments.ensure(house, occupancy.silent)


@pytest.mark.usefixtures("in_house")
def test_status_of_a_house_that_is_up() -> None:
    seen = CliRunner().invoke(app, ["status", "--json"])
    answer = json.loads(seen.stdout)
    assert (seen.exit_code, answer["phase"], answer["answers"]) == (0, "up", True)
    assert answer["waiting"] is not None
    parts = ["supervisor", "server", "keeper", "notifier", "warm", "worker", "page", "lookout"]
    assert [part["name"] for part in answer["parts"]] == parts
    assert all(part["memory_mb"] > 5 for part in answer["parts"])


@pytest.mark.usefixtures("in_house")
@pytest.mark.parametrize("words", [["--port", "1"], ["--foreground"]])
def test_a_house_that_is_up_neither_moves_nor_comes_to_the_foreground(words: list[str]) -> None:
    seen = CliRunner().invoke(app, ["up", *words])
    assert isinstance(seen.exception, HouseError)
    assert "run `midwatch down`" in str(seen.exception)
