"""Runs of several agents in one process, as a client of the house: `python -m tests.flows.side_by_side AGENT...`.

The flow, the server and the ledger are the real ones; what is saved is a worker's start of two processes for each run, most
of what a run costs. For runs that neither suspend nor depend on their process. Prints the runs' ids as a JSON list.
"""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Final

# Each takes a second or more, in which no run of this process would answer in time.
import pydantic_ai.models.anthropic
import pydantic_ai.models.openai  # noqa: F401

import tasks.tools.mcp  # noqa: F401
from flows.agent_run import agent_run

AT_ONCE: Final = 6


async def run_of(agent: str, slots: asyncio.Semaphore) -> str:
    async with slots:
        state = await agent_run(agent, return_state=True)
    return str(state.state_details.flow_run_id)


async def main(agents: list[str]) -> None:
    slots = asyncio.Semaphore(AT_ONCE)
    ids = await asyncio.gather(*(run_of(agent, slots) for agent in agents))
    print(json.dumps(ids))


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
