"""An MCP server over stdio that stops at a chosen place in a call, so that it can be killed exactly there, or hangs.

`python faulty_mcp.py WORLD`: `WORLD/pids` gets a line at every start, `WORLD/lines` what was appended.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Literal

from mcp.server.mcpserver import MCPServer

Hold = Literal["nowhere", "before", "after"]
"""The call never goes on: before it has done anything, or after it has done everything and has yet to say so."""

server = MCPServer("faulty")
world = Path(sys.argv[-1])


async def hold(here: Hold, asked: Hold) -> None:
    """Stay here for ever if that is what was asked for."""
    if here == asked:
        (world / f"at-{here}").touch()
        await asyncio.Event().wait()


@server.tool()
async def look(at: Hold) -> str:
    """Count the lines; changes nothing."""
    await hold("before", at)
    lines = world / "lines"
    return f"{len(lines.read_text().splitlines()) if lines.exists() else 0} lines"


@server.tool()
async def append(line: str, at: Hold) -> str:
    """Append a line; not idempotent."""
    await hold("before", at)
    with (world / "lines").open("a") as file:
        file.write(f"{line}\n")
    await hold("after", at)
    return "appended"


def main() -> None:
    world.mkdir(parents=True, exist_ok=True)
    with (world / "pids").open("a") as file:
        file.write(f"{os.getpid()}\n")
    server.run("stdio")


if __name__ == "__main__":
    main()
