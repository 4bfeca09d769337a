"""Tools that fail in every way that a tool can, and the contract that tells whether their one effect happened once.

The world of an agent is `work/AGENT`; every tool appends to its `lines`, none is idempotent, none can be asked afterwards.
"""

from __future__ import annotations

import asyncio
import resource
import time
from pathlib import Path
from threading import Event

from pydantic_ai import RunContext

from midwatch.contract import Finding
from midwatch.risk import tool
from midwatch.run import RunFacts


def world(facts: RunFacts) -> Path:
    folder = facts.project / "work" / facts.agent
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def append(facts: RunFacts, line: str) -> None:
    with (world(facts) / "lines").open("a") as file:
        file.write(f"{line}\n")


@tool(risk="write")
async def write_line(ctx: RunContext[RunFacts], line: str, times: int = 1) -> str:
    """Append a line."""
    append(ctx.deps, line * times)
    return "written"


@tool(risk="write")
async def break_in_writing(ctx: RunContext[RunFacts], line: str) -> str:
    """Append a line, and throw."""
    append(ctx.deps, line)
    raise ConnectionResetError("the shelf fell over")


@tool(risk="write")
async def hang_in_writing(ctx: RunContext[RunFacts], line: str) -> str:
    """Append a line, and never come back."""
    append(ctx.deps, line)
    return await asyncio.Event().wait() and ""


@tool(risk="read")
async def break_in_reading() -> str:
    """Throw."""
    raise FileNotFoundError("there is no such shelf")


@tool(risk="read")
async def hang_in_reading() -> str:
    """Never come back."""
    return await asyncio.Event().wait() and ""


@tool(risk="read")
async def hold_the_loop(ctx: RunContext[RunFacts]) -> str:
    """Never come back, and let nothing else of this process go on."""
    (world(ctx.deps) / "held").touch()
    time.sleep(3600)  # noqa: ASYNC251  # that is the fault
    return ""


@tool(risk="read")
def hang_in_a_thread() -> str:
    """Never come back, and hear of no cancellation."""
    Event().wait()
    return ""


@tool(risk="read")
async def read_at_length() -> str:
    """Read what fills a good part of a small context."""
    return "a shelf of books " * 100


@tool(risk="read")
async def fill_the_disk(ctx: RunContext[RunFacts]) -> str:
    """From here on this process can write to no file: the kernel refuses, as it does where no room is left.

    In the run's next life there is room again.
    """
    filled = world(ctx.deps) / "filled"
    if not filled.exists():
        filled.touch()
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    return "looked"


async def each_line_once(facts: RunFacts) -> list[Finding]:
    """The contract: something was written, and no line twice."""
    file = world(facts) / "lines"
    lines = file.read_text().split() if file.exists() else []
    return [Finding(check="each line once", held=0 < len(lines) == len(set(lines)), detail=f"lines: {lines}")]
