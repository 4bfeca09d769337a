"""Harness: what do the flows around the halt do? Any Prefect automation can halt, and a schedule tries the latch once a day."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

from prefect.client.schemas.objects import State, StateType
from prefect.context import FlowRunContext

from blocks.ledger import open_ledger
from midwatch.errors import Halted, MidwatchError
from midwatch.halt import Target
from tasks.harness.halt_check import check_halt
from tasks.harness.place import place
from tasks.permissions.halting import set_halt


async def halt_now(agent: str, because: str, run: str) -> State[Any]:
    """Halt one run, one agent, or everything. Failed, and loud, where only one of the two latches could be set."""
    here, target = place(os.environ), Target.of(agent, run)
    async with await open_ledger(here.home) as ledger:
        await ledger.migrate()
        done = await set_halt(
            here.home,
            ledger,
            target,
            by=f"flow run {_run_id()[:8]}",
            via="automation",
            because=because,
            now=datetime.now(UTC),
        )
    if done.faults:
        message = f"{done.halt.words()}. Only half of it: {'; '.join(done.faults)}"
        return State(type=StateType.FAILED, name="Half halted", message=message)
    return State(
        type=StateType.COMPLETED, name="Halted", message=f"{done.halt.words()}. `{target.lifted_by()}` lifts it."
    )


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
