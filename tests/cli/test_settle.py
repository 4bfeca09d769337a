"""What a worker finds before it starts: a pool, and no run that only claims to be at work."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State, StateType
from prefect.states import Cancelling, Pending, Running, Suspended

from cli.home import POOL
from cli.settle import command, ensure_pool, interrupt

if TYPE_CHECKING:
    from tests.conftest import PrefectHouse


@flow
def cut_off() -> None:
    """Never called: its runs are made by hand in the state in which a dead worker leaves them."""


async def test_what_claims_to_be_at_work_is_interrupted_and_what_waits_is_left_alone(in_house: PrefectHouse) -> None:
    async with get_client() as client:
        states: list[State[None]] = [Running(), Pending(), Suspended(), Cancelling()]
        runs = [await client.create_flow_run(cut_off, state=state, work_pool_name=POOL) for state in states]
        mine = {run.id for run in runs}  # a schedule of the house may have begun one in the meantime
        interrupted = {run.id for run in await interrupt(client)} & mine
        now = [(await client.read_flow_run(run.id)).state for run in runs]
    assert interrupted == {runs[0].id, runs[1].id}
    assert [(state.type, state.name) for state in now if state] == [
        (StateType.CRASHED, "Interrupted"),
        (StateType.CRASHED, "Interrupted"),
        (StateType.PAUSED, "Suspended"),
        (StateType.CANCELLED, "Cancelled"),
    ]


async def test_the_pool_exists_and_takes_a_new_limit(in_house: PrefectHouse) -> None:
    async with get_client() as client:
        limit = (await client.read_work_pool(POOL)).concurrency_limit or 0
        await ensure_pool(client, limit + 1)
        pool = await client.read_work_pool(POOL)
        await ensure_pool(client, limit)
        assert (pool.type, pool.concurrency_limit) == ("process", limit + 1)
        assert pool.base_job_template["variables"]["properties"]["command"]["default"] == command()
