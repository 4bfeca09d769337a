"""Permissions: what is known of the MCP server behind a tool, and is the tool still what a person has seen?

The pins are read once in a life of a run, where its tools are listed for the first time. A server may change a tool after
that: a definition that was not seen yet is noted in the ledger when a call of it is judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from pydantic_ai.tools import ToolDefinition

from midwatch.ledger import Ledger, Pin
from midwatch.policy import ServerFacts
from midwatch.served_tool import ServedTool, differences


@dataclass(kw_only=True)
class Servers:
    """The MCP servers of one agent, as its ledger knows them."""

    agent: str
    ledger: Ledger
    pins: dict[tuple[str, str], Pin] = field(default_factory=dict)
    """By server and tool."""

    async def see(self, tools: Iterable[ToolDefinition], *, first_use: bool = True) -> None:
        """Take over the pins of `tools`, all that are offered; a server that was never used is pinned now."""
        served = [one for tool in tools if (one := served_tool(tool)) is not None]
        if served:
            definitions = {(one.server, one.tool): one.definition for one in served}
            pins = await self.ledger.see_tools(self.agent, definitions, first_use=first_use)
            self.pins = {(pin.server, pin.tool): pin for pin in pins}

    async def facts(self, tool: ToolDefinition) -> ServerFacts | None:
        """What the policy is told; None for a tool that no server has."""
        served = served_tool(tool)
        if served is None:
            return None
        pin = self.pins.get((served.server, served.tool))
        if pin is None or pin.seen != served.definition:
            await self.see([tool], first_use=False)
            pin = self.pins[served.server, served.tool]
        return ServerFacts(trusted=served.trusted, hints=served.hints, changed=changed(pin))

    def doubts(self, tools: Iterable[ToolDefinition]) -> list[Pin]:
        """Of those that are offered, the ones that no rule may allow before a person has looked."""
        named = {(one.server, one.tool) for tool in tools if (one := served_tool(tool)) is not None}
        return [pin for key, pin in self.pins.items() if key in named and pin.state != "pinned"]


def served_tool(tool: ToolDefinition) -> ServedTool | None:
    """What the tools layer wrote down of a tool that an MCP server has."""
    served = (tool.metadata or {}).get("served")
    return served if isinstance(served, ServedTool) else None


def changed(pin: Pin) -> str:
    """Why no rule may allow the tool, for a person and the agent; "" while it is what was pinned."""
    if pin.state == "pinned":
        return ""
    if pin.pinned is None or pin.pinned_at is None:
        what = f"`{pin.tool}` was not there when the tools of MCP server `{pin.server}` were pinned"
    else:
        since = f"{pin.pinned_at:%Y-%m-%d %H:%M} UTC"
        what = (
            f"MCP server `{pin.server}` says another thing of `{pin.tool}` than on {since}, when it was pinned "
            f"({pin.by}): {differences(pin.pinned, pin.seen)} changed"
        )
    return f"{what}; `midwatch pins {pin.agent}` shows it, `midwatch pins accept {pin.agent} {pin.server}` takes it"
