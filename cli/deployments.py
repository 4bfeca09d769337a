"""The house: does Prefect know every deployment of `prefect.yaml` and every block type? Deploys only what changed."""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import os
import pkgutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from cli import zone
from cli.environment import CHILD
from cli.home import House
from cli.occupancy import Say
from midwatch.errors import HouseError, SpecError
from midwatch.whole_file import write_whole

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

SOURCES = ("prefect.yaml", "agents/**/*.yaml", "agents/**/*.py", "flows/**/*.py", "blocks/**/*.py")
"""What a deployment is made of, relative to the project."""


def ensure(house: House, say: Say) -> list[str]:
    """Deploy and register what is new or changed. Returns the names in prefect.yaml; all of them exist afterwards.

    This process must be a client of the house (`environment.adopt`), and the server up.

    Raises:
        SpecError: prefect.yaml cannot be read.
        HouseError: `prefect deploy --all` failed, or skipped a deployment or one of its schedules without a word.
    """
    wanted = in_prefect_yaml(house.project)
    seal, digest = house.home / "deployed", _digest(house.project)
    unchanged = seal.exists() and seal.read_text() == digest
    if not (unchanged and not asyncio.run(faults(wanted))):
        say(f"deploying {len(wanted)} deployments")
        asyncio.run(_register_blocks())
        _deploy(house)
        if left_out := asyncio.run(faults(wanted)):
            raise HouseError(f"`prefect deploy --all` left something out: {'; '.join(left_out)}. See {_log(house)}")
        write_whole(seal, digest)
    return [str(each["name"]) for each in wanted]


def in_prefect_yaml(project: Path) -> list[dict[str, Any]]:
    """Its deployments, as they are written. Raises SpecError where it cannot be read."""
    path = project / "prefect.yaml"
    try:
        document = YAML(typ="safe").load(path.read_text())
        return [dict(each) for each in document["deployments"]]
    except FileNotFoundError as error:
        raise SpecError("there is no such file: is MIDWATCH_PROJECT right?", path=str(path)) from error
    except (YAMLError, KeyError, TypeError, ValueError) as error:
        raise SpecError(f"it holds no list `deployments`: {error}", path=str(path)) from error


def _digest(project: Path) -> str:
    digest = hashlib.sha256(f"{version('prefect')} {zone.name()}".encode())
    for path in sorted({path for pattern in SOURCES for path in project.glob(pattern)}):
        digest.update(f"{path.relative_to(project)}\0".encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _deploy(house: House) -> None:
    """`prefect deploy --all`, as a person would run it; its output goes to a log."""
    argv = [sys.executable, "-m", "prefect", "deploy", "--all"]
    with _log(house).open("wb") as log:
        code = subprocess.run(argv, cwd=house.project, env={**os.environ, **CHILD}, stdout=log, stderr=log).returncode
    if code:
        raise HouseError(f"`prefect deploy --all` ended with {code}:\n{_log(house).read_text()[-2000:]}")


def _log(house: House) -> Path:
    return house.logs / "deploy.log"


async def faults(wanted: list[dict[str, Any]]) -> list[str]:
    """What of prefect.yaml the server does not have; Prefect itself skips silently."""
    from prefect.client.orchestration import get_client

    async with get_client() as client:
        return [fault for each in wanted if (fault := await _fault(client, each))]


async def _fault(client: PrefectClient, wanted: dict[str, Any]) -> str:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    name = str(wanted.get("name"))
    named = DeploymentFilter(name=DeploymentFilterName(any_=[name]))
    there = await client.read_deployments(deployment_filter=named)
    mine = [each for each in there if each.entrypoint == wanted.get("entrypoint")]
    if not mine:
        return f"{name!r} does not exist"
    schedules = len(wanted.get("schedules") or ([wanted["schedule"]] if wanted.get("schedule") else []))
    if len(mine[0].schedules) != schedules:
        return f"{name!r} has {len(mine[0].schedules)} schedules, prefect.yaml says {schedules}"
    return ""


async def _register_blocks() -> None:
    """Every block type that `blocks/` defines, so that the UI can make one."""
    from prefect.blocks.core import Block

    import blocks

    modules = [importlib.import_module(f"blocks.{each.name}") for each in pkgutil.iter_modules(blocks.__path__)]
    for module in modules:
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Block) and value.__module__ == module.__name__:
                await value.register_type_and_schema()
