"""The rules of one agent, as a run would have them: which policy, and where in the file does a rule stand?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cached_property
from typing import Any

from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import CombinedToolset

from cli.home import House
from cli.layer_checks import name_bound_functions, unbound
from midwatch.agent_file import agent_path, load_agent
from midwatch.decision import STRICTNESS, Verdict
from midwatch.errors import SpecError
from midwatch.policy import Policy, PolicyContext, ServerFacts
from midwatch.policy.reading import LABELS
from midwatch.policy.rules import SIBLINGS, read_rules
from midwatch.risk import Risk
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec, Rule, Rules
from midwatch.yaml_lines import Lines, read_yaml
from tasks.harness.place import Place
from tasks.harness.rules import policy_of, tool_definitions
from tasks.permissions.declared import declared
from tasks.permissions.servers import served_tool
from tasks.tools import build_toolsets, saved_servers

EFFECTS: Sequence[Verdict] = tuple(STRICTNESS)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenRule:
    """One rule with its place in the agent's file."""

    effect: Verdict
    number: int
    """0-based, in its list."""
    rule: Rule
    place: str
    """`agents/night.yaml:12`."""


@dataclass(frozen=True, kw_only=True)
class Rulebook:
    spec: AgentSpec
    file: str
    """As a person would name it."""
    lines: Lines
    tools: dict[str, ToolDefinition]
    """By name; of an MCP server that was not started a stand-in for each tool that is named."""
    stand_ins: frozenset[str]
    here: Place

    @cached_property
    def policy(self) -> Policy:
        """The one that a run would have. Raises SpecError with file and line of the rule that is wrong."""
        try:
            return policy_of(self.spec, self.tools, self.here)
        except SpecError as error:
            raise SpecError(error.message, path=self.file, line=self._line(error.field), field=error.field) from error

    def trial(self, extra: Sequence[Rule]) -> Policy:
        """The same with some more allow rules."""
        rules = self.spec.rules
        return self._with(Rules(allow=[*rules.allow, *extra], ask=rules.ask, deny=rules.deny))

    def without(self, rule: WrittenRule) -> Policy:
        """The same with one rule less."""
        rest = {effect: list(getattr(self.spec.rules, effect)) for effect in EFFECTS}
        del rest[rule.effect][rule.number]
        return self._with(Rules(**rest))

    def bare(self) -> Policy:
        """No rule at all: the tools alone."""
        return self._with(Rules())

    def _with(self, rules: Rules) -> Policy:
        return policy_of(self.spec.model_copy(update={"rules": rules}), self.tools, self.here)

    def around(self, tool: str, *, clean: bool = True) -> PolicyContext:
        """What is taken as known around a call; `clean`: the run has read nothing from outside and nothing private.

        A server's tools are taken to be what they were when a person looked at them, and budgets as not yet used.
        """
        labels = dict.fromkeys(LABELS, False) if clean else {}
        spent = {window.rule: Decimal(0) for window in self.policy.windows(tool)}
        return PolicyContext(labels=labels, server=self._server(tool), spent=spent)

    def _server(self, tool: str) -> ServerFacts | None:
        if tool in self.tools and (served := served_tool(self.tools[tool])) is not None:
            return ServerFacts(trusted=served.trusted, hints=served.hints)
        named = [one.mcp for one in self.spec.tools if one.mcp and tool.startswith(f"mcp__{one.mcp.name}__")]
        return ServerFacts(trusted=named[0].trusted) if named else None

    def filled_in(self, tool: str) -> frozenset[str]:
        """The arguments of `tool` that code fills in."""
        named = (one for one in self.spec.tools if one.python and one.python.rpartition(":")[2] == tool)
        return frozenset(name for one in named for name in one.bind)

    def risk(self, tool: str) -> Risk:
        return declared(self.tools[tool]).risk

    def rules(self) -> Iterator[WrittenRule]:
        """In the order of the file's three lists."""
        for effect in EFFECTS:
            for number, rule in enumerate(getattr(self.spec.rules, effect)):
                yield WrittenRule(effect=effect, number=number, rule=rule, place=self.place("rules", effect, number))

    def written(self, rule_id: str) -> WrittenRule | None:
        """The rule of the file with this id; None for a built-in one."""
        toolbox = self.bare().toolbox
        for effect in EFFECTS:
            compiled = read_rules(effect, getattr(self.spec.rules, effect), toolbox)
            for number, rule in enumerate(compiled):
                if rule.id == rule_id:
                    return next(one for one in self.rules() if (one.effect, one.number) == (effect, number))
        return None

    def place(self, *path: str | int) -> str:
        return f"{self.file}:{self.lines.line(path)}"

    def _line(self, field: str) -> int:
        """Of `rules.allow[2]`."""
        _, _, rest = field.partition(".")
        effect, _, number = rest.rstrip("]").partition("[")
        return self.lines.line(("rules", effect, int(number))) if number.isdigit() else self.lines.line(("rules",))


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenAgent:
    """An agent as a file has it, whether it is the one that runs or not."""

    spec: AgentSpec
    file: str
    """As a person would name it."""
    lines: Lines


def written_agent(agent: str, house: House) -> WrittenAgent:
    """The one that runs: agents/NAME.yaml. Raises SpecError where it is not fit for use."""
    path, spec = agent_path(agent, house.project / "agents"), load_agent(agent, house.project / "agents")
    file = str(path.relative_to(house.project)) if path.is_relative_to(house.project) else str(path)
    return WrittenAgent(spec=spec, file=file, lines=read_yaml(path.read_text(encoding="utf-8"), path=file))


async def open_rulebook(
    agent: str | WrittenAgent,
    house: House,
    stack: AsyncExitStack,
    *,
    also: Iterable[str] = (),
    start_servers: bool = False,
) -> Rulebook:
    """The rules of `agent` with its real tools, which stay open until `stack` closes.

    Args:
        also: tools that are asked about: of an MCP server that is not started they are taken to be there.
        start_servers: ask the MCP servers which tools they have; otherwise their tools are those that are named.

    Raises:
        MidwatchError: the file, a rule or a tool is not fit for use.
    """
    written = written_agent(agent, house) if isinstance(agent, str) else agent
    spec = written.spec
    name_bound_functions(spec)
    kept = unbound(spec if start_servers else _without_servers(spec))
    toolsets = build_toolsets(kept, _facts(spec, house), servers=await saved_servers(kept))
    toolset = await stack.enter_async_context(CombinedToolset(toolsets))
    tools = await tool_definitions(toolset, _facts(spec, house), _nobody())
    named = [] if start_servers else _named(spec, also)
    return Rulebook(
        spec=spec,
        file=written.file,
        lines=written.lines,
        tools={**{name: _stand_in(name) for name in named}, **tools},
        stand_ins=frozenset(named) - tools.keys(),
        here=Place(project=house.project, home=house.home),
    )


def _stand_in(tool: str) -> ToolDefinition:
    """A tool of a server that was not started: nothing is known of its arguments, and its risk is the worst."""
    return ToolDefinition(name=tool, parameters_json_schema={"type": "object", "additionalProperties": True})


def _nobody() -> Any:
    """A model for the context in which tools are listed; nothing is ever asked of it."""
    from pydantic_ai.models.test import TestModel

    return TestModel()


def _facts(spec: AgentSpec, house: House) -> RunFacts:
    return RunFacts(
        run_id="rules", agent=spec.name, started_at=datetime.now(UTC), project=house.project, home=house.home
    )


def _without_servers(spec: AgentSpec) -> AgentSpec:
    return spec.model_copy(update={"tools": [tool for tool in spec.tools if tool.mcp is None]})


def _named(spec: AgentSpec, also: Iterable[str]) -> list[str]:
    """The MCP tools that the rules or `also` name; for a name with `*` one tool that it means."""
    servers = [tool.mcp for tool in spec.tools if tool.mcp is not None]
    if not servers:
        return []
    rules = (rule for effect in EFFECTS for rule in getattr(spec.rules, effect))
    said = {name for rule in rules for name in ([rule] if isinstance(rule, str) else set(rule) - SIBLINGS)}
    listed = {f"mcp__{server.name}__{tool}" for server in servers for tool in (*server.tools, *server.only)}
    starts = tuple(f"mcp__{server.name}__" for server in servers)
    starred = {name.replace("*", "any") for name in said if "*" in name and name.startswith("mcp__")}
    return sorted(starred | listed | {name for name in (*said, *also) if name.startswith(starts) and "*" not in name})
