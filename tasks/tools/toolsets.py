"""Tools: what can this agent touch? Every tool of its file, ready for the gate, or the reason why one cannot be offered."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import assert_never

from pydantic_ai.toolsets import AbstractToolset

from blocks.mcp_server import McpServer as McpServerBlock
from midwatch.errors import SpecError
from midwatch.named_function import named_function
from midwatch.policy.protected import governing_of
from midwatch.risk import facts_of
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec, Builtin, McpServer, Tool
from tasks.tools.ask_human import ask_human_tool
from tasks.tools.files import file_tool
from tasks.tools.folder import Folder
from tasks.tools.functions import FunctionTools, Offered
from tasks.tools.hosts import allowed_hosts
from tasks.tools.network import Network
from tasks.tools.notes import note_tools
from tasks.tools.sandbox import find_sandbox
from tasks.tools.shell import shell_tool
from tasks.tools.variables import filled
from tasks.tools.web import http_tool


def build_toolsets(
    spec: AgentSpec,
    facts: RunFacts,
    *,
    environment: Mapping[str, str] | None = None,
    servers: Mapping[str, McpServerBlock] | None = None,
    network: Network | None = None,
) -> list[AbstractToolset[RunFacts]]:
    """The toolsets of `spec`, in its order: all functions in one, each MCP server in its own, each with a stable id.

    Every tool's definition carries `metadata["midwatch"]` (`ToolFacts`) and `metadata["definition"]` (hash). `bind` is
    filled in from `ctx.deps` whenever the tools are listed, so the same toolsets serve every item of a run; an MCP server
    runs as long as its toolset is entered.

    Args:
        spec: the agent.
        facts: the run; its project, home, agent.
        environment: where `${NAME}` of MCP servers is looked up; the process's own by default.
        servers: saved blocks by the name that the agent file gives them.
        network: what the commands of `shell` may reach; None: nothing.

    Raises:
        SpecError: names the field (`tools[2].python`) and what to do.
        ToolUnavailable: a tool cannot be offered on this machine.
    """
    offered: list[Offered] = []
    toolsets: list[AbstractToolset[RunFacts]] = []
    variables = os.environ if environment is None else environment
    for position, tool in enumerate(spec.tools):
        where = f"tools[{position}]"
        if tool.mcp is not None:
            saved = _saved(tool.mcp, servers or {}, where)
            toolsets.append(_server(tool.mcp, facts, variables, saved, where))
        else:
            offered += _functions(tool, spec, facts, variables, where, network)
    _no_duplicates(offered, [(f"tools[{at}]", tool.mcp) for at, tool in enumerate(spec.tools) if tool.mcp])
    return ([FunctionTools(offered, id="tools", per_item=spec.for_each is not None)] if offered else []) + toolsets


def _server(
    server: McpServer, facts: RunFacts, variables: Mapping[str, str], saved: McpServerBlock | None, where: str
) -> AbstractToolset[RunFacts]:
    from tasks.tools.mcp import (
        mcp_tools,
    )  # takes more than a second to import: only an agent with a server waits for it

    return mcp_tools(server, facts, environment=variables, saved=saved, where=where)


def _functions(
    tool: Tool, spec: AgentSpec, facts: RunFacts, variables: Mapping[str, str], where: str, network: Network | None
) -> list[Offered]:
    if tool.python is not None:
        function = named_function(tool.python, field=f"{where}.python")
        return [Offered(function=function, facts=facts_of(function), bind=tool.bind, where=where)]
    assert tool.builtin is not None
    if tool.bind:
        raise SpecError(
            "only a Python function takes `bind`; a built-in's arguments are the model's", field=f"{where}.bind"
        )
    offered = _builtin(tool, tool.builtin, spec, facts, variables, where, network)
    return [_as_the_operator_says(tool, one) for one in offered]


def _as_the_operator_says(tool: Tool, one: Offered) -> Offered:
    untrusted = one.facts.untrusted if tool.untrusted is None else tool.untrusted
    private = one.facts.private if tool.private is None else tool.private
    return replace(one, facts=replace(one.facts, untrusted=untrusted, private=private))


def _builtin(
    tool: Tool,
    name: Builtin,
    spec: AgentSpec,
    facts: RunFacts,
    variables: Mapping[str, str],
    where: str,
    network: Network | None,
) -> list[Offered]:
    root, kept = tool.root, facts.home.absolute() / "kept" / facts.run_id
    match name:
        case "read_file" | "list_dir":
            folder = Folder(root=_root(name, root, facts, where, writes=False))
            return [file_tool(name, folder, kept, where=where)]
        case "write_file" | "delete_file":
            folder = Folder(root=_root(name, root, facts, where, writes=True))
            return [file_tool(name, folder, kept, where=where)]
        case "shell":
            lives = _root(name, root, facts, where, writes=True)
            return [shell_tool(find_sandbox(), lives, where=where, network=network)]
        case "http_request":
            own = {
                host: filled(headers, variables, f"{where}.credentials.{host}")
                for host, headers in tool.credentials.items()
            }
            return [http_tool(_hosts(spec, where), where=where, idempotent=tool.idempotent, credentials=own)]
        case "ask_human":
            return [ask_human_tool(where=where)]
        case "notes":
            return note_tools(facts, where=where)
        case _:
            assert_never(name)


def _root(name: Builtin, root: str, facts: RunFacts, where: str, *, writes: bool) -> Path:
    """The folder of a tool: named, apart from Midwatch's own state, and from what governs the agents if it can write."""
    if not root:
        raise SpecError(f"say which folder {name} lives in: `- {name}: {{root: data}}`", field=f"{where}.root")
    folder = (facts.project / root).absolute()
    apart = (facts.home, *(governing_of(facts.project) if writes else ()))
    for closed in (path.resolve() for path in apart):
        if closed.is_relative_to(folder.resolve()) or folder.resolve().is_relative_to(closed):
            said = f"{root!r} reaches {closed.name}, which no agent may touch; name a folder apart from it"
            raise SpecError(said, field=f"{where}.root")
    return folder


def _hosts(spec: AgentSpec, where: str) -> frozenset[str]:
    hosts = allowed_hosts(spec.rules)
    if not hosts:
        said = "no rule names a host for it: add `- http_request: GET https://api.example.org/**` under rules.ask"
        raise SpecError(said, field=where)
    return hosts


def _saved(server: McpServer, servers: Mapping[str, McpServerBlock], where: str) -> McpServerBlock | None:
    if not server.block:
        return None
    if server.block not in servers:
        said = f"there is no saved block {server.block!r} of the type `Midwatch MCP server`: make it in the Prefect UI"
        raise SpecError(said, field=f"{where}.mcp.block")
    return servers[server.block]


def _no_duplicates(offered: Iterable[Offered], servers: Sequence[tuple[str, McpServer]]) -> None:
    """No two tools, and no two MCP servers, have one name."""
    seen: dict[str, str] = {}
    named = [(one.function.__name__, one.where) for one in offered]
    named += [(f"mcp__{server.name}", where) for where, server in servers]
    for name, where in named:
        if name in seen:
            raise SpecError(f"{name!r} is offered already by {seen[name]}; take one of them out", field=where)
        seen[name] = where
