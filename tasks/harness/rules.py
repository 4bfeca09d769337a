"""Harness: which tools does an agent have, and what do its rules say of them, compiled for these tools in this place?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from pydantic_ai import RunContext
from pydantic_ai.models import Model
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.usage import RunUsage

from midwatch.policy import Policy, compile_policy
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec, Rules
from tasks.harness.place import Place
from tasks.permissions.declared import declared

ALWAYS_ALLOWED: Final = frozenset({"ask_human"})
"""To ask a person needs nobody's leave; a deny rule can still forbid it."""


async def tool_definitions(
    toolset: AbstractToolset[RunFacts], facts: RunFacts, model: Model
) -> dict[str, ToolDefinition]:
    """Every tool that is offered, by name; `toolset` is open."""
    context = RunContext(deps=facts, model=model, usage=RunUsage())
    return {name: tool.tool_def for name, tool in (await toolset.get_tools(context)).items()}


def policy_of(spec: AgentSpec, tools: Mapping[str, ToolDefinition], here: Place) -> Policy:
    """The agent's rules, compiled. Raises SpecError naming the rule that is wrong."""
    unasked = sorted(ALWAYS_ALLOWED & tools.keys()) if spec.escalation.to else []
    rules = Rules(allow=[*spec.rules.allow, *unasked], ask=spec.rules.ask, deny=spec.rules.deny)
    bound = {tool.python.rpartition(":")[2]: frozenset(tool.bind) for tool in spec.tools if tool.python is not None}
    roots: dict[str, Path] = {tool.builtin: here.project / tool.root for tool in spec.tools if tool.builtin is not None}
    return compile_policy(
        rules,
        tools={name: declared(tool).risk for name, tool in tools.items()},
        roots=roots,
        project=here.project,
        closed=[here.home],
        arguments={
            name: shown | bound.get(name, frozenset())
            for name, tool in tools.items()
            if (shown := arguments_of(tool)) is not None
        },
        schemas={name: tool.parameters_json_schema for name, tool in tools.items()},
    )


def arguments_of(tool: ToolDefinition) -> frozenset[str] | None:
    """Every argument that the model may give the tool; None where its schema takes any."""
    schema = tool.parameters_json_schema
    if schema.get("additionalProperties"):
        return None
    return frozenset(schema.get("properties", {}))
