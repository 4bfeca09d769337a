"""Halt: a process in which many runs are in flight at once, each the real flow. `python -m benchmarks.halting.runner AGENT N`

A run of the house's own worker takes a process of 100 MB; a hundred of them are more than a small machine holds.
"""

from __future__ import annotations

import asyncio
import sys

from flows.agent_run import agent_run


async def side_by_side(agent: str, runs: int) -> None:
    """Until all have ended, or the process is."""
    await asyncio.gather(*(agent_run(agent, return_state=True) for _ in range(runs)), return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(side_by_side(sys.argv[1], int(sys.argv[2])))
