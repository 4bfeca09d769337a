"""An MCP server over streamable HTTP on loopback, run as a program: prints its port, serves until its stdin closes.

What it says of its tools can be another thing the next time: `READ_SAYS` is the description of one, `GROWN` adds one.
"""

import json
import os
import socket
import sys
import threading
from typing import Any

import uvicorn
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ToolAnnotations

server = MCPServer("notebook")
notes: list[str] = []


@server.tool(
    description=os.environ.get("READ_SAYS", "Read all notes."),
    annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False),
)
def read() -> str:
    return "\n".join(notes)


@server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))
def wipe() -> str:
    """Throw all notes away."""
    notes.clear()
    return "empty"


@server.tool()
def add(text: str, times: int = 1) -> str:
    """Add a note."""
    notes.extend([text] * times)
    return f"{len(notes)} notes"


@server.tool()
def meta(ctx: Context[Any]) -> str:
    """What the call carries beside its arguments."""
    return json.dumps(dict(ctx.request_context.meta or {}))


@server.tool()
def fail() -> str:
    """Never works."""
    raise ToolError("the notebook is closed")


@server.tool()
def flood() -> str:
    """Answers at length."""
    return "x" * 100_000


@server.tool()
def vanish() -> str:
    """Ends the server in the middle of the call."""
    os._exit(1)


if "GROWN" in os.environ:

    @server.tool(annotations=ToolAnnotations(read_only_hint=True, open_world_hint=False))
    def peek() -> str:
        """Read the last note."""
        return notes[-1] if notes else ""


def main() -> None:
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        print(listener.getsockname()[1], flush=True)
        uvicorn.Server(uvicorn.Config(server.streamable_http_app(), log_level="error")).run([listener])


if __name__ == "__main__":
    main()
