"""Harness: what does a tool answer when nothing may be touched? What the same call was answered in a run of the past."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from pydantic_ai import RunContext, ToolsetTool, WrapperToolset
from pydantic_ai.exceptions import ModelRetry, ToolFailed

from midwatch.calls import canonical_json, parse_call
from midwatch.ledger import Ledger
from midwatch.run import RunFacts
from tasks.permissions.declared import declared
from tasks.permissions.labels import RunLabels

NOT_ON_RECORD: Final = "This is not on record, so there is no result. Do without it."
"""What the model hears of a call that the past run never made."""


@dataclass(kw_only=True)
class Record:
    """The answers that one run got, by call; the same call again gets the next one, and the last one for ever."""

    answers: dict[str, deque[Any]] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    """Calls that nothing is on record of."""

    def add(self, tool: str, args_json: str, payload: Any) -> None:
        """One more answer, in the journal form of pydantic-ai."""
        self.answers.setdefault(_key(tool, args_json), deque()).append(payload)

    def holds(self, key: str) -> bool:
        """Whether the call was made, as `TOOL ARGUMENTS`."""
        return key in self.answers

    def answer(self, tool: str, args_json: str) -> Any:
        """What the call was answered. Raises KeyError where it was never made."""
        answers = self.answers[_key(tool, args_json)]
        return answers.popleft() if len(answers) > 1 else answers[0]


async def record_of(ledger: Ledger, run_id: str) -> Record:
    """Of one past run: its calls, and what people answered to its questions."""
    record = Record()
    for step in await ledger.stored_steps(run_id):
        if step.kind == "tool" and "/tool/" in step.position:
            record.add(step.name, step.detail, json.loads(step.result_json))
    for ask in await ledger.asks_of(run_id):
        if ask.kind == "answer" and ask.verdict == "answered":
            record.answers[_key(ask.tool, ask.args_json)] = deque([{"kind": "tool_return", "result": ask.answer}])
    return record


@dataclass
class FromRecord(WrapperToolset[RunFacts]):
    """Tools of which none is ever called: they stand behind the gate, and answer from the record."""

    record: Record
    labels: RunLabels

    async def call_tool(
        self,
        name: str,
        tool_args: dict[str, Any],
        ctx: RunContext[RunFacts],  # noqa: ARG002  # part of the surface
        tool: ToolsetTool[RunFacts],
    ) -> Any:
        call, facts = parse_call(name, tool_args), declared(tool.tool_def)
        args_json = canonical_json(call.args)
        try:
            payload = self.record.answer(name, args_json)
        except KeyError:
            self.record.missing.append(f"{name} {args_json}")
            return NOT_ON_RECORD
        self.labels.entered(self.labels.new_with(call, facts), call, facts, payload)
        return came_back(payload)


def came_back(payload: Mapping[str, Any]) -> Any:
    """What the model heard then."""
    match payload:
        case {"kind": "model_retry", "message": str(said)}:
            raise ModelRetry(said)
        case {"kind": "tool_failed", "message": str(said)}:
            raise ToolFailed(said)
        case {"result": result}:
            return result
        case _:
            raise ToolFailed("The tool gave no result.")


def _key(tool: str, args_json: str) -> str:
    return f"{tool} {canonical_json(parse_call(tool, args_json).args)}"
