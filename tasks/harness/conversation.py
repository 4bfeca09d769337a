"""Harness: one conversation with the model, from its first message to its end or to a question for a person."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults
from pydantic_ai.capabilities import AbstractCapability, UseThreadExecutor
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import Model
from pydantic_ai.toolsets import AbstractToolset
from pydantic_ai.usage import UsageLimits

from midwatch.run import RunFacts
from midwatch.spec import AgentSpec, Example
from tasks.harness.durable import Positions, Recorder, StepDurability
from tasks.harness.history import recorded
from tasks.harness.room import Room
from tasks.harness.watch import Watching
from tasks.step.log import RunLog
from tasks.tools.threads import Threads

RETRIES = 3
"""How often the model is told, per tool and for its answer, that what it sent was not well formed."""


UNLIMITED: Final = UsageLimits(request_limit=None)
"""The recorder holds every request to the run's own budget, which knows the day's, too; one layer owns the limits."""


@dataclass(kw_only=True)
class Conversation:
    """One agent loop. `proceed` runs it until it ends or waits; the same object goes on with a person's answers."""

    name: str
    """Position prefix, stable over replays: `main`, or `item-007`."""
    facts: RunFacts
    opening: Opening
    toolset: AbstractToolset[RunFacts]
    """Stands behind the gate."""
    recorder: Recorder
    goal: str
    """The first message."""
    prompt: str | None = None
    """What to begin with; None once `history` holds it."""
    history: list[ModelMessage] = field(default_factory=list)
    waiting: DeferredToolRequests | None = None
    answer: str | None = None
    fault: str = ""
    """Why it was given up."""

    @property
    def ended(self) -> bool:
        return self.answer is not None

    @cached_property
    def agent(self) -> Agent[RunFacts, str | DeferredToolRequests]:
        """The pydantic-ai agent, its positions where an earlier life of the run left them."""
        watch = self.opening.watching.of(self.name)
        before = recorded(self.name, self.opening.log.steps, watch.replay)
        examples = worked_examples(self.opening.spec.examples)
        self.history = before.history or examples
        self.prompt = None if before.turns else self.goal
        positions = watch.positions = Positions.after(self.name, before)
        room = Room(
            conversation=self.name,
            positions=positions,
            ledger=self.opening.log.ledger,
            goal=self.goal,
            contract=self.opening.spec.contract,
            examples=examples,
        )
        durability = StepDurability(positions=positions, recorder=self.recorder, log=self.opening.log)
        return self.opening.agent(self.toolset, [watch, room, durability])

    async def proceed(self, results: DeferredToolResults | None) -> None:
        """Run until the model gives its final text (`answer`) or calls wait for a person (`waiting`)."""
        agent = self.agent
        run = await agent.run(
            None if results is not None else self.prompt,
            deps=self.facts,
            message_history=self.history,
            deferred_tool_results=results,
            usage_limits=UNLIMITED,
        )
        self.history = run.all_messages()
        if isinstance(run.output, DeferredToolRequests):
            self.waiting = run.output
        else:
            await self._end(run.output)

    async def give_up(self, why: str) -> None:
        """End this conversation where it stands."""
        await self._end(f"(given up: {why})", why)

    async def _end(self, answer: str, fault: str = "") -> None:
        """Ended once for all lives of the run; nothing of it is put together again."""

        async def end() -> dict[str, Any]:
            return {"answer": answer, "fault": fault}

        title = "harness · given up" if fault else "harness · last words"
        self.read_end(await self.opening.log.step("harness", title, _end_position(self.name), end))

    def read_end(self, end: dict[str, Any]) -> None:
        """Take over how it ended, in this life or an earlier one."""
        self.waiting, self.answer, self.fault = None, end["answer"], end["fault"]

    def words_before(self, tool_call_id: str) -> str:
        """What the model said when it made this call; its own words, to be shown as such."""
        for message in reversed(self.history):
            if isinstance(message, ModelResponse) and any(
                isinstance(part, ToolCallPart) and part.tool_call_id == tool_call_id for part in message.parts
            ):
                return "\n".join(part.content for part in message.parts if isinstance(part, TextPart))
        return ""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """What every conversation of a run is opened with."""

    spec: AgentSpec
    model: Model
    log: RunLog
    watching: Watching
    threads: Threads = field(default_factory=Threads)
    """Where plain functions run."""

    def conversation(
        self, name: str, prompt: str, facts: RunFacts, toolset: AbstractToolset[RunFacts], recorder: Recorder
    ) -> Conversation:
        """A conversation at its beginning, or where an earlier life of the run left it."""
        conversation = Conversation(
            name=name, facts=facts, opening=self, toolset=toolset, recorder=recorder, goal=prompt
        )
        if (end := self.log.done(_end_position(name))) is not None:
            conversation.read_end(json.loads(end.result_json))
        return conversation

    def agent(
        self, toolset: AbstractToolset[RunFacts], capabilities: Sequence[AbstractCapability[RunFacts]]
    ) -> Agent[RunFacts, str | DeferredToolRequests]:
        """The pydantic-ai agent of one conversation."""
        return Agent(
            self.model,
            name=self.spec.name,
            instructions=self.spec.instructions,
            deps_type=RunFacts,
            output_type=[str, DeferredToolRequests],
            toolsets=[toolset],
            capabilities=[*capabilities, UseThreadExecutor(self.threads)],
            retries=RETRIES,
        )


def _end_position(conversation: str) -> str:
    return f"{conversation}/end"


def worked_examples(examples: Sequence[Example]) -> list[ModelMessage]:
    """Examples as earlier turns of the conversation, which small models follow better than prose (MODEL.md)."""
    messages: list[ModelMessage] = []
    for number, example in enumerate(examples, start=1):
        if example.user:
            messages.append(ModelRequest(parts=[UserPromptPart(content=example.user)]))
        if example.answer is not None:
            messages.append(ModelResponse(parts=[TextPart(content=example.answer)]))
        elif example.call is not None:
            tool, call_id = str(example.call["tool"]), f"example-{number}"
            call = ToolCallPart(tool_name=tool, args=example.call.get("args", {}), tool_call_id=call_id)
            result = ToolReturnPart(tool_name=tool, content=example.result, tool_call_id=call_id)
            messages += [ModelResponse(parts=[call]), ModelRequest(parts=[result])]
    return messages
