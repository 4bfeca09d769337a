"""Harness: how does a run execute what a rehearsal has staged? Its model says the approved calls, one by one, and nothing else.

Each passes the gate again, as it would from any model, and stands on a question that is answered already (`take_staged`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models import Model
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from midwatch.calls import canonical_json, parse_call
from midwatch.errors import SpecError
from midwatch.ledger import Ledger, StagedRow
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec, Limits
from tasks.permissions.rehearsal import Carried


async def input_of(rehearsal: str, agent: str, ledger: Ledger) -> Mapping[str, Any]:
    """What the rehearsal was given. Raises SpecError where it is none of this agent's."""
    row = await ledger.run(rehearsal)
    if row is None or row.agent != agent or not row.shadow:
        raise SpecError(
            f"no rehearsal of {agent} has the id {rehearsal!r}; `midwatch staged` lists them", field="staged"
        )
    return row.input


async def taken(rehearsal: str, spec: AgentSpec, facts: RunFacts, ledger: Ledger) -> Carried:
    """The approved calls, this run's from now on; none where another run has taken them, or nobody said yes."""
    good_for = timedelta(minutes=spec.escalation.deadline_minutes)
    rows = await ledger.take_staged(rehearsal, facts.run_id, good_for)
    return Carried(rehearsal=rehearsal, calls={row.call_id: row for row in rows}, ledger=ledger)


def limits_for(carried: Carried, limits: Limits) -> Limits:
    """The agent's, but for the turns of a replay, of which none asks a model."""
    return limits.model_copy(update={"steps": len(carried.calls) + len(conversations(carried)) + limits.steps})


def conversations(carried: Carried) -> list[tuple[str, str | None, str]]:
    """Name, item and first message of each conversation that something was staged in."""
    named = {row.conversation: row.item for row in carried.calls.values()}
    return [(name, item, _prompt(carried, name)) for name, item in named.items()]


def replay(carried: Carried) -> Model:
    """A model that makes these calls in their order, each as often as it is answered: once."""

    async def say(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:  # noqa: ARG001  # part of the surface
        made = {part.tool_call_id for part in _parts(messages) if isinstance(part, ToolCallPart)}
        rows = _of_conversation(carried, messages)
        row = next((row for row in rows if row.tool_call_id not in made), None)
        said = TextPart(f"{len(rows)} staged calls were put forward.") if row is None else _call(row)
        return ModelResponse(parts=[said], usage=RequestUsage(unmeasured_requests=1))

    return FunctionModel(say, model_name=f"replay of {carried.rehearsal}")


def _of_conversation(carried: Carried, messages: Sequence[ModelMessage]) -> list[StagedRow]:
    told = {part.content for part in _parts(messages) if isinstance(part, UserPromptPart) and part.content is not None}
    return [row for row in carried.calls.values() if _prompt(carried, row.conversation) in told]


def _parts(messages: Sequence[ModelMessage]) -> Iterator[Any]:
    return (part for message in messages for part in message.parts)


def _prompt(carried: Carried, conversation: str) -> str:
    return f"Execute what run {carried.rehearsal} has staged in {conversation}, and a person has approved."


def _call(row: StagedRow) -> ToolCallPart:
    """As its model made it: what code fills in, it fills in again."""
    arguments = {
        name: value for name, value in parse_call(row.tool, row.args_json).args.items() if name not in row.bound
    }
    return ToolCallPart(row.tool, canonical_json(arguments), tool_call_id=row.tool_call_id)
