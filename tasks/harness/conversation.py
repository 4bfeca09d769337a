"""Harness: one conversation with the model, from its first message to its end or to a question for a person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pydantic_ai import Agent, DeferredToolRequests, DeferredToolResults
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

RETRIES = 3
"""How often the model is told, per tool and for its answer, that what it sent was not well formed."""


UNLIMITED: Final = UsageLimits(request_limit=None)
"""The recorder holds every request to the run's own budget, which knows the day's, too; one layer owns the limits."""


@dataclass
class Conversation:
    """One agent loop. `proceed` runs it until it ends or waits; the same object goes on with a person's answers."""

    name: str
    """Position prefix, stable over replays: `main`, or `item-007`."""
    facts: RunFacts
    agent: Agent[RunFacts, str | DeferredToolRequests]
    prompt: str
    history: list[ModelMessage]
    waiting: DeferredToolRequests | None = None
    answer: str | None = None

    @property
    def ended(self) -> bool:
        return self.answer is not None

    async def proceed(self, results: DeferredToolResults | None) -> None:
        """Run until the model gives its final text (`answer`) or calls wait for a person (`waiting`)."""
        run = await self.agent.run(
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
            self.waiting, self.answer = None, run.output

    def give_up(self, why: str) -> None:
        """End this conversation where it stands."""
        self.waiting, self.answer = None, f"(given up: {why})"

    def words_before(self, tool_call_id: str) -> str:
        """What the model said when it made this call; its own words, to be shown as such."""
        for message in reversed(self.history):
            if isinstance(message, ModelResponse) and any(
                isinstance(part, ToolCallPart) and part.tool_call_id == tool_call_id for part in message.parts
            ):
                return "\n".join(part.content for part in message.parts if isinstance(part, TextPart))
        return ""


def durable_agent(
    spec: AgentSpec, model: Model, toolset: AbstractToolset[RunFacts], conversation: str, recorder: Recorder
) -> Agent[RunFacts, str | DeferredToolRequests]:
    """The pydantic-ai agent of one conversation; `toolset` already stands behind the gate."""
    return Agent(
        model,
        name=spec.name,
        instructions=spec.instructions,
        deps_type=RunFacts,
        output_type=[str, DeferredToolRequests],
        toolsets=[toolset],
        capabilities=[StepDurability(positions=Positions(conversation), recorder=recorder)],
        retries=RETRIES,
    )


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
