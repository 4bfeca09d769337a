"""Tools that kill the process that they run in."""

from __future__ import annotations

import os
import signal

from midwatch.risk import tool
from tests.flows.places import world


@tool(risk="read")
async def look_and_die(agent: str) -> str:
    """Look at something; nobody lives to tell."""
    return _marked_and_dead(agent)


@tool(risk="write")
async def write_and_die(agent: str) -> str:
    """Change something; nobody lives to tell."""
    return _marked_and_dead(agent)


def _marked_and_dead(agent: str) -> str:
    world(agent).mkdir(parents=True, exist_ok=True)
    with (world(agent) / "lines").open("a") as file:
        file.write("was here\n")
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")
