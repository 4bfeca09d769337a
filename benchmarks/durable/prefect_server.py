"""Durable steps: a Prefect server with the settings of Midwatch's house, and runs on it that are cut and carried on.

The server alone: no worker and no keeper, as the run lives in the measuring process and is resumed by the measurement.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import State, StateType
from prefect.events.worker import EventsWorker
from prefect.flow_engine import run_flow_async
from prefect.flows import Flow
from prefect.states import Scheduled

from benchmarks.durable.store import stored
from benchmarks.durable.work import Work
from cli import keys
from cli.children import household
from cli.environment import child_environment, inherited
from cli.home import House, furnish, locate, remember_port
from cli.ports import first_free
from cli.upkeep import answers

READY_SECONDS: Final = 120.0
QUIET_SECONDS: Final = 7.0
"""The server writes the events of a run in batches, at least every 5 s."""
SETTLE_SECONDS: Final = 120.0
STOP_SECONDS: Final = 30.0


@contextmanager
def served(folder: Path) -> Iterator[dict[str, str]]:
    """A new house in `folder`, its server running; gives the environment of a run in it."""
    store = folder / "store"
    named = {"MIDWATCH_PROJECT": str(folder), "MIDWATCH_HOME": str(store)}
    house = replace(locate(named), port=first_free(range(14400, 14500)))
    _furnish(house)
    server = household(house)[0]
    with (folder / "server.log").open("wb") as log:
        process = subprocess.Popen(
            server.argv, cwd=folder, env=dict(server.environment), stdin=subprocess.DEVNULL, stdout=log, stderr=log
        )
        try:
            _until_ready(process, server.health, folder / "server.log")
            yield {**inherited(os.environ), **child_environment(house)}
        finally:
            _stop(process)


def _furnish(house: House) -> None:
    furnish(house)
    remember_port(house, house.port or 0)
    keys.kept(house.auth, keys.new_password)
    keys.kept(house.encryption_key, keys.new_encryption_key)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _until_ready(process: subprocess.Popen[bytes], health: str, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not answers(health):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the Prefect server is not ready; the end of {log}:\n{log.read_text()[-2000:]}")
        time.sleep(0.2)


async def reached() -> None:
    """The server has answered, so that nothing of the first contact is measured."""
    async with get_client() as client:
        await client.hello()


async def lived(flow: Flow[..., Coroutine[Any, Any, Any]], parameters: dict[str, Any], work: Work) -> State[Any]:
    """One life of a flow run: a new one, or the one that was cut, sent on its way again as Midwatch's keeper does."""
    work.called()
    if work.life != "resumed":
        state = await flow(**parameters, return_state=True)
        assert isinstance(state, State)
        return state
    async with get_client() as client:
        running = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.RUNNING]))
        (cut,) = await client.read_flow_runs(flow_run_filter=FlowRunFilter(state=running))
        await client.set_flow_run_state(cut.id, Scheduled(), force=True)
        run = await client.read_flow_run(cut.id)
    state = await run_flow_async(flow, flow_run=run, parameters=parameters, return_type="state")
    assert isinstance(state, State)
    return state


async def settled(work: Work) -> None:
    """Wait until everything that was said about a whole run is in the server's database, and count what a person sees."""
    if work.life != "whole":
        return
    await _written(work)
    async with get_client() as client:
        counted = await client.request("POST", "/task_runs/count", json={})
    work.task_runs = counted.json()


async def _written(work: Work) -> None:
    draining = EventsWorker.drain_all()
    assert not isinstance(draining, tuple)
    await draining
    deadline = time.monotonic() + SETTLE_SECONDS
    size, since = stored(work.store), time.monotonic()
    while time.monotonic() - since < QUIET_SECONDS:
        if time.monotonic() > deadline:
            raise RuntimeError("the server's database still grows, long after the run has ended")
        await asyncio.sleep(0.5)
        if (now := stored(work.store)) != size:
            size, since = now, time.monotonic()
