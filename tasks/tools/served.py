"""Tools: what is one tool of an MCP server to the gate? Its risk class, and what the server says of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from pydantic_ai.tools import ToolDefinition

from midwatch.errors import SpecError
from midwatch.risk import WORST, Risk, ToolFacts, riskier
from midwatch.served_tool import ServedTool, definition_of
from midwatch.spec import McpServer
from midwatch.spec_faults import nearest
from tasks.tools.definition import declared


def offered(server: McpServer, told: ToolDefinition) -> ToolDefinition:
    """`told`, a tool as its server has it, as `mcp__SERVER__TOOL`; `metadata["served"]` is a `ServedTool`."""
    annotations = (told.metadata or {}).get("annotations") or {}
    hints = {name: said for name, said in annotations.items() if said is not None}
    served = ServedTool(
        server=server.name,
        tool=told.name,
        trusted=server.trusted,
        hints=hints,
        definition=definition_of(told.description or "", told.parameters_json_schema, hints),
    )
    facts = ToolFacts(
        risk=risk_of(server.tools.get(told.name), hints, trusted=server.trusted),
        untrusted=server.untrusted,
        private=server.private,
        sinks=_sinks(server, told),
    )
    named = replace(told, name=f"mcp__{server.name}__{told.name}", metadata={**(told.metadata or {}), "served": served})
    return declared(named, facts, code=served.definition)


def _sinks(server: McpServer, told: ToolDefinition) -> tuple[str, ...] | None:
    """The arguments that the operator calls sinks; a misspelt one would leave the real one unguarded."""
    if (named := server.sinks.get(told.name)) is None:
        return None
    takes = told.parameters_json_schema.get("properties", {})
    for name in named:
        if name not in takes:
            said = f"{told.name!r} has no argument {name!r}{nearest(name, takes)}; it has: {', '.join(takes) or 'none'}"
            raise SpecError(said, field=f"mcp.{server.name}.sinks")
    return tuple(named)


def risk_of(stated: Risk | None, hints: Mapping[str, object], *, trusted: bool) -> Risk:
    """The operator's class for a tool, raised where its server says that it is worse.

    Where he gave none it is the worst; of a server that he trusts it is what the server says.
    """
    if stated is None:
        return _said_of(hints) if trusted else WORST
    read_only = hints.get("readOnlyHint") is True
    if hints.get("readOnlyHint") is False:
        stated = riskier(stated, "write")
    if hints.get("openWorldHint") is True and not read_only:
        stated = riskier(stated, "egress")
    if hints.get("destructiveHint") is True and not read_only:
        stated = riskier(stated, "destroy")
    return stated


def _said_of(hints: Mapping[str, object]) -> Risk:
    """The class that a trusted server's hints give a tool. Only true and false count; a world is open until it is closed."""
    reaches: Risk = "read" if hints.get("openWorldHint") is False else "egress"
    if hints.get("readOnlyHint") is True:
        return reaches
    match hints.get("destructiveHint"):
        case False:
            return riskier(reaches, "write")
        case True:
            return "destroy"
        case _:
            return WORST
