"""A week alone: where does it happen? A Prefect server of its own, both agents as they are shipped, and the seams of time."""

from __future__ import annotations

import importlib
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from benchmarks.week.clock import Clock

REPOSITORY: Final = Path(__file__).parents[2]
AGENTS: Final = ("machine-report", "inbox-triage")
CLOCK: Final = "MIDWATCH_WEEK_CLOCK"
QUIET: Final = {"PREFECT_LOGGING_LEVEL": "CRITICAL", "PREFECT_LOGGING_TO_API_ENABLED": "false", "DO_NOT_TRACK": "1"}
"""A run that ends as it must is an error to Prefect's log."""
SILENCE_SECONDS: Final = 2.0
"""How long a provider's silence is waited for, in the place of the ten minutes that an agent's file gives it."""


@contextmanager
def housed(folder: Path, model_url: str) -> Iterator[Mapping[str, str]]:
    """A server, and this process its client, in the project's folder; gives the environment of another process of it."""
    from prefect.context import refresh_global_settings_context
    from prefect.events.worker import EventsWorker

    from benchmarks.durable.prefect_server import served

    for name in ("agents", "flows", "examples"):
        (folder / name).symlink_to(REPOSITORY / name)
    (folder / "tmp").mkdir()
    with served(folder) as environment:
        ours = {
            **{name: value for name, value in environment.items() if not name.endswith("_API_KEY")},
            "OPENAI_API_KEY": "not-a-key",
            "OPENAI_BASE_URL": model_url,
            "TMPDIR": str(folder / "tmp"),
            "PYTHONPATH": str(REPOSITORY),
            **QUIET,
        }
        before, here = dict(os.environ), Path.cwd()
        _become(ours)
        os.chdir(folder)
        tempfile.tempdir = None
        refresh_global_settings_context()
        try:
            yield ours
        finally:
            EventsWorker.drain_all()  # its thread would go on looking for a server that is gone
            os.chdir(here)
            _become(before)
            tempfile.tempdir = None
            refresh_global_settings_context()


def _become(environment: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)


async def deployed(client: Any) -> None:
    """Both agents as prefect.yaml has them; the schedule of the inbox, which is shipped paused, is switched on."""
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from pydantic import TypeAdapter

    from flows.agent_run import agent_run

    flow_id = await client.create_flow(agent_run)
    creates = TypeAdapter(list[DeploymentScheduleCreate])
    for one in declared():
        made = [
            {"active": True, "schedule": {name: value for name, value in schedule.items() if name != "active"}}
            for schedule in one["schedules"]
        ]
        limits = one["concurrency_limit"]
        await client.create_deployment(
            flow_id=flow_id,
            name=one["name"],
            parameters=one["parameters"],
            schedules=creates.validate_python(made),
            concurrency_limit=limits["limit"],
            concurrency_options=ConcurrencyLimitConfig.model_validate(limits).model_dump(
                include={"collision_strategy"}
            ),
        )


def declared() -> list[dict[str, Any]]:
    """The deployments of both agents in prefect.yaml."""
    document = YAML(typ="safe").load((REPOSITORY / "prefect.yaml").read_text())
    return [one for one in document["deployments"] if one["name"] in AGENTS]


def take_seams(clock: Clock, *, silence: float = SILENCE_SECONDS) -> None:
    """What keeps the real time is told by the week's: what Prefect stamps, a file's last change, the waits between requests."""
    import agents.machine_report.temporary
    import agents.machine_report.tools
    import tasks.model.providers
    import tasks.triggers.schedules
    from tasks.model.retry import RetryingModel

    def stamped(one: Any) -> datetime:
        return clock.of(changed(one))

    def patient(model: Any, *, patience: Any) -> RetryingModel:
        waits = patience.model_copy(update={"answer_seconds": silence})
        return RetryingModel(model, patience=waits, sleep=clock.sleep)

    changed = tasks.triggers.schedules._changed
    vars(tasks.triggers.schedules)["_changed"] = stamped
    vars(tasks.model.providers)["RetryingModel"] = patient
    vars(agents.machine_report.temporary)["_last_touched"] = lambda about: about.st_mtime  # nobody can set the others
    vars(agents.machine_report.tools)["clock"] = lambda: clock.now().timestamp()
    for name in IMPORTED:
        importlib.import_module(name)
    clock.rule()


IMPORTED: Final = (
    "cli.keeper",
    "tasks.harness.run",
    "tasks.notices.round",
    "tasks.tools.mcp",
    "agents.inbox_triage.tools",
)
"""Whatever tells the time in a run or beside it."""
