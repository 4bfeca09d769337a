"""One run in as many lives as a test wants, without Prefect: the real loop, gate and ledger, and a scripted model."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.profiles import ModelProfile
from pydantic_ai.toolsets import CombinedToolset
from pydantic_ai.usage import RequestUsage

from midwatch.judgment import Ending
from midwatch.ledger import Ledger
from midwatch.run import LEVELS, Level, RunFacts
from midwatch.spec import AgentSpec
from tasks.harness.carry import replay, taken
from tasks.harness.invariants import Invariants
from tasks.harness.place import Place
from tasks.harness.prepare import Prepared
from tasks.harness.rules import policy_of, tool_definitions
from tasks.harness.watch import Watching
from tasks.harness.work import Work
from tasks.monitoring.limits import RunBudget
from tasks.permissions.declared import declared
from tasks.permissions.labels import RunLabels
from tasks.permissions.servers import Servers
from tasks.step.log import RunLog
from tasks.tools import build_toolsets

Calls = Sequence[tuple[str, dict[str, Any]]]


class Cut(BaseException):
    """The process is gone."""


@dataclass
class Script:
    """Says its turns in order, by how often the model has spoken; `heard` is every history that it was shown."""

    turns: Sequence[Calls | str]
    heard: list[list[ModelMessage]] = field(default_factory=list)
    before: Callable[[int], None] = lambda _: None
    """Called with the number of the turn, from 0."""
    tokens_of: Callable[[Sequence[ModelMessage]], int] = lambda _: 10
    said: int | None = None
    """Turns said, where the history no longer tells."""

    async def say(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        number = sum(isinstance(one, ModelResponse) for one in messages) if self.said is None else self.said
        self.before(number)
        self.heard.append(list(messages))
        usage = RequestUsage(input_tokens=self.tokens_of(messages), output_tokens=5)
        self.said = None if self.said is None else self.said + 1
        turn = self.turns[number] if number < len(self.turns) else "done"
        if isinstance(turn, str):
            return ModelResponse(parts=[TextPart(turn)], usage=usage)
        calls = [ToolCallPart(tool, args, tool_call_id=f"c{number}.{n}") for n, (tool, args) in enumerate(turn)]
        return ModelResponse(parts=calls, usage=usage)


@dataclass(kw_only=True)
class Run:
    """One run; each `life` begins where the ledger says."""

    ledger: Ledger
    project: Path
    script: Script
    tools: list[Any]
    rules: dict[str, list[Any]]
    run_id: str = "run"
    level: Level = 4
    window: int | None = None
    shadow: bool = False
    staged: str = ""
    """The rehearsal whose approved calls it executes, in the place of the script."""
    fields: dict[str, Any] = field(default_factory=dict)

    def spec(self) -> AgentSpec:
        return AgentSpec.model_validate(
            {
                "name": "a",
                "description": "d",
                "instructions": "Do it.",
                "prompt": "The goal.",
                "tools": self.tools,
                "rules": self.rules,
                **self.fields,
            }
        )

    async def life(self) -> Ending:
        """Work until the end, or until the script or a tool raises `Cut`."""
        async with self.prepared() as prepared:
            await prepared.invariants.look()
            work = Work(
                spec=prepared.spec,
                facts=prepared.facts,
                ledger=self.ledger,
                budget=prepared.budget,
                log=prepared.log,
                open_conversation=prepared.conversation,
                carried=prepared.carried,
            )
            return await work.run()

    @asynccontextmanager
    async def prepared(self) -> AsyncGenerator[Prepared]:
        """One life before its first step."""
        spec = self.spec()
        facts = RunFacts(
            run_id=self.run_id,
            agent="a",
            started_at=datetime.now(UTC),
            level=self.level,
            project=self.project,
            home=self.project / "home",
            shadow=self.shadow,
        )
        halted = await self.ledger.halt_of("a", self.run_id) is not None
        if not halted and self.level > await self.ledger.level_of("a", facts.started_at):
            for level in (*range(4, self.level), self.level):
                await self.ledger.grant_level("a", LEVELS[level - 1], by="test", because="a test")
        log = await RunLog.open(self.run_id, self.ledger)
        profile = ModelProfile(context_window=self.window) if self.window else None
        carried = await taken(self.staged, spec, facts, self.ledger) if self.staged else None
        model = FunctionModel(self.script.say, profile=profile) if carried is None else replay(carried)
        invariants = await Invariants.open(spec.contract, facts, log)
        budget = RunBudget(spec.limits, run=await self.ledger.spent_by(self.run_id))
        async with CombinedToolset(build_toolsets(spec, facts)) as toolset:
            here = Place(project=self.project, home=self.project / "home")
            tools = await tool_definitions(toolset, facts, model)
            known = {name: declared(one) for name, one in tools.items()}
            servers = Servers(agent=spec.name, ledger=self.ledger)
            await servers.see(tools.values())
            yield Prepared(
                spec=spec,
                facts=facts,
                ledger=self.ledger,
                budget=budget,
                model=model,
                toolset=toolset,
                policy=policy_of(spec, tools, here),
                servers=servers,
                labels=await RunLabels.open(spec, facts, log, known),
                log=log,
                invariants=invariants,
                watching=await Watching.open(spec, facts, log, budget, known),
                evidence="",
                carried=carried,
            )


def text_of(messages: Sequence[ModelMessage]) -> str:
    """Everything that a request says, in one string."""
    return "\n".join(str(getattr(part, "content", "")) for one in messages for part in one.parts)


def requests(messages: Sequence[ModelMessage]) -> int:
    return sum(isinstance(one, ModelRequest) for one in messages)
