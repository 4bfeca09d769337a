"""The house: what must be true of Prefect before a worker starts, and after it has stopped?

Run as `python -m cli.settle` while no worker of this house lives. The work pool exists. And no run claims to be at
work: what is still marked so was cut off (SIGTERM of a worker leaves its runs Running), so it becomes `Interrupted`, a
state of type CRASHED, which the keeper takes up again from the last durable step.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
import json
import os
import shlex
import sys
from typing import Any

from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.actions import WorkPoolCreate, WorkPoolUpdate
from prefect.client.schemas.filters import (
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
    WorkPoolFilter,
    WorkPoolFilterName,
)
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound
from prefect.settings import PREFECT_CLIENT_MAX_RETRIES, temporary_settings
from prefect.states import Cancelled
from prefect.workers.process import ProcessWorker

from cli import start_run
from cli.home import POOL, House, locate
from midwatch.whole_file import write_whole
from tasks.triggers.flow_runs import flow_runs

AT_WORK = [StateType.PENDING, StateType.RUNNING, StateType.CANCELLING]
"""State types that a run can only be in while a worker looks after it."""
LIMIT_VARIABLE = "MIDWATCH_LIMIT"
USUAL_LIMIT = 4
"""Runs at the same time; each flow process takes about 100 MB."""


async def ensure_pool(client: PrefectClient, limit: int) -> None:
    """The process work pool, with a worker's own defaults but for what a run is started with (`start_run.py`).

    The limit stands on the pool, because a worker with `--limit` dies of a run that is resumed before the process that
    suspended it has ended ("this borrower is already holding one of this CapacityLimiter's tokens", Prefect 3.8.8).
    """
    try:
        pool = await client.read_work_pool(POOL)
    except ObjectNotFound:
        template = _with_command(ProcessWorker.get_default_base_job_template())
        new = WorkPoolCreate(name=POOL, type="process", base_job_template=template, concurrency_limit=limit)
        with contextlib.suppress(ObjectAlreadyExists):
            await client.create_work_pool(new)
    else:
        template = _with_command(pool.base_job_template)
        if (pool.concurrency_limit, pool.base_job_template) != (limit, template):
            await client.update_work_pool(POOL, WorkPoolUpdate(concurrency_limit=limit, base_job_template=template))


def _with_command(template: dict[str, Any]) -> dict[str, Any]:
    """`template`, and whatever a person has set in it, with the house's command."""
    changed = copy.deepcopy(template)
    changed["variables"]["properties"]["command"]["default"] = command()
    return changed


def command() -> str:
    """What the worker starts for a run: Prefect's engine, in a child of the warm process where there is one."""
    return shlex.join([sys.executable, "-I", "-S", start_run.__file__, "-m", "prefect.engine"])


async def interrupt(client: PrefectClient) -> list[FlowRun]:
    """Every run that claims to be at work, now marked as interrupted (or as cancelled, where that was asked for)."""
    at_work = FlowRunFilter(state=FlowRunFilterState(type=FlowRunFilterStateType(any_=AT_WORK)))
    pool = WorkPoolFilter(name=WorkPoolFilterName(any_=[POOL]))
    runs = await flow_runs(client, flow_run_filter=at_work, work_pool_filter=pool, sort=FlowRunSort.ID_DESC)
    for run in runs:
        await client.set_flow_run_state(run.id, _now(run), force=True)
    return [run for run in runs if run.state_type != StateType.CANCELLING]


def _now(run: FlowRun) -> State[None]:
    if run.state_type == StateType.CANCELLING:
        return Cancelled(message="The house was shut down while this run was being cancelled.")
    message = "Its worker was stopped or died in mid-run. It goes on from its last finished step while the house is up."
    return State(type=StateType.CRASHED, name="Interrupted", message=message)


async def settle(house: House) -> list[str]:
    """Names of the interrupted runs, which are also left in `interrupted.json` for whoever reports them."""
    async with get_client() as client:
        await ensure_pool(client, int(os.environ.get(LIMIT_VARIABLE) or USUAL_LIMIT))
        names = [f"{run.name} ({run.id})" for run in await interrupt(client)]
    write_whole(house.home / "interrupted.json", json.dumps(names))
    return names


def main() -> None:
    with temporary_settings({PREFECT_CLIENT_MAX_RETRIES: 2}):
        for name in asyncio.run(settle(locate(os.environ))):
            print(f"interrupted: {name}")


if __name__ == "__main__":
    main()
