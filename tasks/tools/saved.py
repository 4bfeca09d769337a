"""Tools: which MCP servers has the operator saved as Prefect Blocks?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress

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
