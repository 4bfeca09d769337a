"""Tools and checks that stop at a chosen place until a file appears, so that a process can be killed exactly there."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from midwatch.contract import Finding
from midwatch.risk import ProbeAnswer, tool
from midwatch.run import RunFacts

Place = Literal["nowhere", "before", "after"]


def world(agent: str) -> Path:
    return Path("work") / agent


async def reached(agent: str, place: str) -> None:
    """Say that the run is at `place`, and wait there until it may go on."""
    world(agent).mkdir(parents=True, exist_ok=True)
    (world(agent) / f"at-{place}").touch()
    while not (world(agent) / "go").exists():  # noqa: ASYNC110  # only a file tells the next life
        await asyncio.sleep(0.05)


async def line_is_there(facts: RunFacts, arguments: Mapping[str, Any]) -> ProbeAnswer:
    lines = world(facts.agent) / "lines"
    there = lines.exists() and arguments["line"] in lines.read_text().splitlines()
    return "happened" if there else "did_not_happen"


@tool(risk="write", probe=line_is_there)
async def append_line(agent: str, line: str, hold: Place) -> str:
    """Append a line; not idempotent."""
    if hold == "before":
        await reached(agent, hold)
    world(agent).mkdir(parents=True, exist_ok=True)
    with (world(agent) / "lines").open("a") as file:
        file.write(f"{line}\n")
    if hold == "after":
        await reached(agent, hold)
    return "appended"


@tool(risk="write")
async def append_blindly(agent: str, line: str, hold: Place) -> str:
    """Append a line; nobody can tell afterwards whether it was done."""
    return await append_line(agent, line, hold)


async def one_line(facts: RunFacts) -> list[Finding]:
    """The contract: exactly one line. Waits where the agent is named for it."""
    if facts.agent.endswith("contract"):
        await reached(facts.agent, "contract")
    lines = (world(facts.agent) / "lines").read_text().splitlines()
    return [Finding(check="one line", held=len(lines) == 1, detail=f"{len(lines)} lines")]
