"""Harness: what do the flows around the halt do? Any Prefect automation can halt, and a schedule tries the latch once a day."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext

from blocks.ledger import open_ledger
from midwatch.agent_file import names
from midwatch.errors import Halted, MidwatchError
from midwatch.halt import CHECKED_AGENT, Halt, Target, is_whole
from midwatch.ledger import Ledger
from midwatch.run_ids import short
from tasks.harness.halt_check import check_halt
from tasks.harness.place import Place, place
from tasks.permissions.halting import HaltSet, halt_at_once


async def halt_now(agent: str, because: str, run: str) -> State[Any]:
    """Halt one run, one agent, or everything. Failed, and loud, where only one of the latches could be set, or none was."""
    here = place(os.environ)
    if why := _misnamed(agent, run, here):
        return State(type=StateType.FAILED, name="Nobody halted", message=f"NOBODY WAS HALTED: {why}")
    target, by = Target.of(agent, run), f"flow run {short(_run_id())}"
    wanted = Halt(scope=target.scope, name=target.name, by=by, via="automation", because=because, at=datetime.now(UTC))

    async def with_ledger(work: Callable[[Ledger], Awaitable[HaltSet]]) -> HaltSet:
        async with await open_ledger(here.home) as ledger:
            return await work(ledger)

    done = await halt_at_once(here.home, wanted, with_ledger)
    if done.faults:
        message = f"{done.halt.words()}. Only half of it: {'; '.join(done.faults)}"
        return State(type=StateType.FAILED, name="Half halted", message=message)
    return State(
        type=StateType.COMPLETED, name="Halted", message=f"{done.halt.words()}. `{target.lifted_by()}` lifts it."
    )


def _misnamed(agent: str, run: str, here: Place) -> str:
    """Why what an automation names is nobody; "" where it is somebody, or everything."""
    if agent and run:
        return "an agent and a run are named; name one of them"
    if run and not is_whole(run):
        return f"{run!r} is a part of a run's id; name all of it"
    if agent and agent != CHECKED_AGENT and not (here.agents / f"{agent}.yaml").is_file():
        there = ", ".join(names(here.agents))
        return f"there is no agent {agent!r}; there are {there or 'none'}"
    return ""


async def try_the_latch() -> State[Any]:
    """Completed while the latch bites, Failed when it does not."""
    here = place(os.environ)
    async with await open_ledger(here.home) as ledger:
        await ledger.migrate()
        try:
            seen = await check_halt(ledger, here.home, _run_id())
        except Halted as error:
            return State(type=StateType.CANCELLED, name="Halted", message=str(error))
    if not seen.held:
        message = f"THE HALT LATCH DOES NOT HOLD: {seen.detail}. `midwatch down` stops everything in its place."
        return State(type=StateType.FAILED, name="Does not hold", message=message)
    return State(type=StateType.COMPLETED, message=seen.detail)


def _run_id() -> str:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise MidwatchError("this works in its flow: start it from its deployment")
    return str(context.flow_run.id)
