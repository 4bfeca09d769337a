"""An agent's tools, called the way the gate calls them."""

from dataclasses import dataclass, replace
from typing import Any

from pydantic_ai import RunContext, ToolsetTool
from pydantic_ai.models.test import TestModel
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.usage import RunUsage

from midwatch.risk import ToolFacts
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec


@dataclass(frozen=True)
class Tools:
    """The toolset of one agent."""

    toolset: AbstractToolset[RunFacts]
    facts: RunFacts

    async def listed(self, item: str | None = None) -> dict[str, ToolsetTool[RunFacts]]:
        return await self.toolset.get_tools(self.context(item))

    async def call(self, name: str, item: str | None = None, **arguments: Any) -> Any:
        """Validate as pydantic-ai does, merge what is bound as the gate does, call."""
        tool = (await self.listed(item))[name]
        checked = tool.args_validator.validate_python(arguments)
        arguments = {**checked, **(declared(tool).bind or {})}
        return await self.toolset.call_tool(name, arguments, self.context(item), tool)

    def context(self, item: str | None = None) -> RunContext[RunFacts]:
        deps = replace(self.facts, item=item)
        return RunContext(deps=deps, model=TestModel(), usage=RunUsage(), tool_call_id="call-1")


def declared(tool: ToolsetTool[RunFacts]) -> ToolFacts:
    """What the gate reads in the tool's definition."""
    facts = (tool.tool_def.metadata or {})["midwatch"]
    assert isinstance(facts, ToolFacts)
    return facts


def spec_of(*tools: Any, rules: dict[str, Any] | None = None, **rest: Any) -> AgentSpec:
    """An agent file with these tools."""
    described = {"name": "clerk", "description": "d", "instructions": "i", "tools": list(tools), "rules": rules or {}}
    return AgentSpec.model_validate(described | rest)
