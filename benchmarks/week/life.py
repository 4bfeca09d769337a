"""A week alone: one life of a run, in this process, or in one that can be killed: `python -m benchmarks.week.life RUN`."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final
from uuid import UUID

REPOSITORY: Final = Path(__file__).parents[2]
SECONDS: Final = 180.0
"""A life that takes longer hangs."""


async def lived(run_id: UUID) -> None:
    """Until it ends, suspends or is interrupted; what it came to stands in the ledger and in Prefect."""
    from prefect.client.orchestration import get_client
    from prefect.exceptions import Abort, Pause
    from prefect.flow_engine import run_flow_async

    from flows.agent_run import agent_run

    async with get_client() as client:
        flow_run = await client.read_flow_run(run_id)
    flow: Any = agent_run  # Prefect's types know no flow that returns a state
    going = run_flow_async(flow, flow_run=flow_run, parameters=flow_run.parameters, return_type="state")
    with suppress(Pause, Abort):  # it suspends, or may not begin
        await asyncio.wait_for(going, SECONDS)


async def born(run_id: UUID, environment: Mapping[str, str], log: Path) -> asyncio.subprocess.Process:
    """The same in a process of its own."""
    with log.open("ab") as file:
        argv = (sys.executable, "-m", "benchmarks.week.life", str(run_id))
        return await asyncio.create_subprocess_exec(
            *argv, env=dict(environment), stdin=asyncio.subprocess.DEVNULL, stdout=file, stderr=file
        )


def main() -> None:
    from benchmarks.week.clock import Clock
    from benchmarks.week.house import CLOCK, take_seams

    clock = Clock.read(os.environ[CLOCK])
    take_seams(clock)
    asyncio.run(lived(UUID(sys.argv[1])))


if __name__ == "__main__":
    main()
