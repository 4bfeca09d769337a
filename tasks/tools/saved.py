"""Tools: which MCP servers has the operator saved as Prefect Blocks, and where do they lead?"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from hashlib import sha256

from blocks.mcp_server import McpServer
from midwatch.spec import AgentSpec


async def saved_servers(
    spec: AgentSpec, load: Callable[[str], Awaitable[McpServer]] = McpServer.aload
) -> dict[str, McpServer]:
    """The saved blocks that the agent's MCP servers name, as far as they are there."""
    found = {}
    for name in {tool.mcp.block for tool in spec.tools if tool.mcp and tool.mcp.block}:
        with suppress(ValueError):
            found[name] = await load(name)
    return found


def addresses(servers: Mapping[str, McpServer]) -> tuple[str, ...]:
    """Which server is behind each name, in the order of the names: a hash of its command or URL, as either may hold a secret.

    Its variables and headers do not count: a new password is no other server.
    """
    return tuple(f"{name} {_address(block)}" for name, block in sorted(servers.items()))


def _address(block: McpServer) -> str:
    return sha256(json.dumps([block.command, block.url]).encode("utf-8", "surrogatepass")).hexdigest()
