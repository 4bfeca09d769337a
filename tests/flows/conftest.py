"""A house with a project of its own: real server, real worker, real flow processes; only the model is scripted."""

from __future__ import annotations

import asyncio
import gc
import random
import textwrap
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

import prefect.context
import pytest
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import FlowRun
from prefect.deployments.flow_runs import arun_deployment
from prefect.events.worker import EventsWorker

from cli import deployments, occupancy
from cli.environment import adopt, client_environment
from cli.home import House, locate
from cli.ports import first_free
from midwatch.ledger import AskRow, Ledger, RunRow
from tests.flows.scripted_model import Script, Turn, scripted_model

Seen = TypeVar("Seen")
REPOSITORY = Path(__file__).parent.parent.parent
PREFECT_YAML = """
deployments:
  - name: scripted
    entrypoint: flows/agent_run.py:agent_run
    parameters: {agent: none}
    work_pool: {name: midwatch}
  - name: silence
    entrypoint: flows/silence.py:silence
    work_pool: {name: midwatch}
"""


@dataclass(frozen=True, kw_only=True)
class Night:
    """What a flow test works with."""

    house: House
    script: Script

    @property
    def project(self) -> Path:
        return self.house.project

    def agent(self, name: str, body: str, *turns: Turn, model: str = "") -> str:
        """Write agents/NAME.yaml, its model scripted with `turns`; returns the name."""
        thinks = model or f"openai-chat:{name}"
        head = f"name: {name}\ndescription: An agent of the tests.\nmodel: {thinks}\ninstructions: Do it.\n"
        (self.project / "agents" / f"{name}.yaml").write_text(head + textwrap.dedent(body))
        self.script.turns[name] = turns
        return name

    async def start(self, agent: str, environment: Mapping[str, str] | None = None, **parameters: Any) -> UUID:
        """Ask for a run; `environment` is set for its process alone."""
        run = await arun_deployment(
            "agent-run/scripted",
            parameters={"agent": agent, **parameters},
            job_variables={"env": dict(environment)} if environment else None,
            timeout=0,
            as_subflow=False,
        )
        return run.id

    async def until(self, run_id: UUID, reached: Callable[[FlowRun], bool], seconds: float = 120) -> FlowRun:
        """The run as soon as it is as wanted; fails with its state when it is not within `seconds`."""
        deadline = time.monotonic() + seconds
        async with get_client() as client:
            while True:
                run = await client.read_flow_run(run_id)
                if reached(run):
                    return run
                if time.monotonic() > deadline:
                    raise AssertionError(f"still {run.state_name}: {run.state.message if run.state else ''}")
                await asyncio.sleep(0.5)

    async def ended(self, run_id: UUID, seconds: float = 120) -> RunRow:
        """The ledger's row of a run that has ended, once Prefect shows it as ended too."""
        await self.until(
            run_id, lambda run: bool(run.state and run.state.is_final() and not run.state.is_crashed()), seconds
        )
        row = await self.ledger.run(str(run_id))
        assert row is not None
        return row

    async def waiting(self, run_id: UUID) -> list[AskRow]:
        """What a suspended run asks."""
        await self.until(run_id, lambda run: bool(run.state and run.state.is_paused()))
        return [row for row in await self.ledger.asks_of(str(run_id)) if row.verdict is None]

    @property
    def ledger(self) -> Ledger:
        return self._ledger[0]

    _ledger: tuple[Ledger]


async def deployed_like(client: PrefectClient, agent: str, **more: Any) -> UUID:
    """A deployment that has the agent's name, as `midwatch up` makes one from prefect.yaml."""
    like = await client.read_deployment_by_name("agent-run/scripted")
    return await client.create_deployment(
        flow_id=like.flow_id,
        name=agent,
        entrypoint=like.entrypoint,
        path=like.path,
        pull_steps=like.pull_steps,
        work_pool_name=like.work_pool_name,
        parameters={"agent": agent},
        parameter_openapi_schema=like.parameter_openapi_schema,
        enforce_parameter_schema=True,
        **more,
    )


async def eventually(look: Callable[[], Awaitable[Seen | None]], seconds: float = 120) -> Seen:
    """What `look` gives as soon as it is something true."""
    deadline = time.monotonic() + seconds
    while not (seen := await look()):
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.2)
    return seen


_SCRIPT = Script()


@pytest.fixture(scope="session")
def script() -> Script:
    return _SCRIPT


@pytest.fixture(scope="package")
def agent_house(tmp_path_factory: pytest.TempPathFactory, script: Script) -> Iterator[House]:
    """A house whose project holds the repository's flows and the tests' agents, while the tests of one folder run."""
    with house_of_agents(tmp_path_factory.mktemp("night"), script) as house:
        yield house


@contextmanager
def house_of_agents(project: Path, script: Script) -> Iterator[House]:
    """A house with `project` of its own, up, this process its client."""
    (project / "flows").symlink_to(REPOSITORY / "flows")
    (project / "agents").mkdir()
    (project / "prefect.yaml").write_text(PREFECT_YAML)
    named = {"MIDWATCH_PROJECT": str(project), "MIDWATCH_HOME": str(project / ".midwatch")}
    patch = pytest.MonkeyPatch()
    with patch.context() as patched, scripted_model(script) as url:
        patched.setenv("OPENAI_BASE_URL", url)
        patched.setenv("OPENAI_API_KEY", "not-a-key")
        patched.setenv("ANTHROPIC_BASE_URL", url.removesuffix("/v1"))
        patched.setenv("ANTHROPIC_API_KEY", "not-a-key")
        patched.setenv("PYTHONPATH", str(REPOSITORY))
        patched.setenv("MIDWATCH_LIMIT", "8")
        with occupancy.start(locate(named), port=first_free(random.sample(range(14300, 14900), 100)), leashed=True):
            house = locate(named)
            for name, value in client_environment(house).items():
                patched.setenv(name, value)
            adopt(house)
            deployments.ensure(house, lambda _: None)
            yield house
            EventsWorker.drain_all()  # its thread would go on looking for a server that is gone
            occupancy.stop(house)
    prefect.context.refresh_global_settings_context()
    gc.collect()  # what Prefect's clients leave open is found here, not in the middle of something else


@pytest.fixture
async def night(agent_house: House, script: Script) -> AsyncIterator[Night]:
    async with Ledger.open(f"sqlite+aiosqlite:///{agent_house.home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        yield Night(house=agent_house, script=script, _ledger=(ledger,))
