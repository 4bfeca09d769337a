"""Harness: how does a conversation go on where an earlier life of the run left it? From what each of its turns recorded.

A turn stores what was new in its request and what the model answered, so that a conversation is put together again
without running anything. It goes on with its last recorded turn: that one is replayed step by step, and its request must
be what it was.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from pydantic_ai.durable_exec import JSON_CODEC, CallToolResult
from pydantic_ai.messages import ModelMessage, ModelMessagesTypeAdapter, ModelRequest, ModelResponse
from pydantic_ai.models import ModelRequestParameters

from midwatch.ledger import StoredStep

_AS_BEFORE: Final = "as before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What one model request leaves behind."""

    whole: bool
    """`request` is the whole history up to then: the first turn, and the first after a compaction."""
    request: list[Any]
    """The messages that were new, as JSON."""
    instructions: str
    """Those of the last request, or `_AS_BEFORE`."""
    response: dict[str, Any]
    """The model's answer, as pydantic-ai records it."""

    def as_json(self) -> str:
        """One line for the ledger."""
        return json.dumps(
            {
                "whole": self.whole,
                "request": self.request,
                "instructions": self.instructions,
                "response": self.response,
            }
        )


@dataclass(kw_only=True)
class Recorded:
    """The turns of one conversation, as earlier lives of the run stored them."""

    turns: int = 0
    """How many there are."""
    history: list[ModelMessage] = field(default_factory=list)
    """Up to the last recorded turn's request; that turn is replayed."""
    call_ids: set[str] = field(default_factory=set)
    """Of the tool calls in the turns before the last one."""
    instructions: str = ""


def _unseen(messages: Sequence[ModelMessage], turn: int) -> None:
    """Nobody looks."""


def recorded(
    conversation: str, steps: Mapping[str, StoredStep], see: Callable[[Sequence[ModelMessage], int], None] = _unseen
) -> Recorded:
    """Put a conversation together. Its cost is that of reading what it stored, once.

    Args:
        see: called with every request, as the messages that end with it, and its number.
    """
    said = Recorded()
    response: dict[str, Any] | None = None
    for number, turn in _turns(conversation, steps):
        said.turns = number
        if response is not None:
            said.history.append(JSON_CODEC.load(ModelResponse, response))
            said.call_ids.update(call_ids(response))
        said.instructions = said.instructions if turn["instructions"] == _AS_BEFORE else turn["instructions"]
        if turn["whole"]:
            said.history.clear()
        said.history += _instructed(ModelMessagesTypeAdapter.validate_python(turn["request"]), said.instructions)
        see(said.history, number)
        response = turn["response"]
    return said


def _turns(conversation: str, steps: Mapping[str, StoredStep]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number in range(1, len(steps) + 1):
        step = steps.get(turn_position(conversation, number))
        if step is None:
            return
        yield number, json.loads(step.result_json)


def _instructed(request: list[ModelMessage], instructions: str) -> list[ModelMessage]:
    if isinstance(last := request[-1], ModelRequest):
        request[-1] = replace(last, instructions=instructions or None)
    return request


def turn_position(conversation: str, number: int) -> str:
    """Where a model request stands in the run."""
    return f"{conversation}/model/{number}"


def new_turn(
    messages: Sequence[ModelMessage], response: dict[str, Any], *, whole: bool, instructions_before: str
) -> Turn:
    """What to store of a model request that was answered.

    Args:
        messages: everything that was sent; only what came after the model's last answer is looked at, unless `whole`.
        response: the answer, as pydantic-ai records it.
        whole: nothing of this history is stored yet.
        instructions_before: those of the turn before.
    """
    new = list(messages) if whole else _since_last_answer(messages)
    instructions = instructions_of(messages)
    bare = [replace(one, instructions=None) if isinstance(one, ModelRequest) else one for one in new]
    return Turn(
        whole=whole,
        request=[_lean(one) for one in ModelMessagesTypeAdapter.dump_python(bare, mode="json")],
        instructions=_AS_BEFORE if instructions == instructions_before else instructions,
        response=_lean(response),
    )


def _lean(message: dict[str, Any]) -> dict[str, Any]:
    """A message without the fields that say nothing: they are most of what pydantic-ai writes. Arguments stay as they are."""
    lean = {name: value for name, value in message.items() if value is not None}
    lean["parts"] = [{name: value for name, value in part.items() if value is not None} for part in lean["parts"]]
    if "usage" in lean:
        lean["usage"] = {name: value for name, value in lean["usage"].items() if value}
    return lean


def _since_last_answer(messages: Sequence[ModelMessage]) -> list[ModelMessage]:
    begin = len(messages)
    while begin and isinstance(messages[begin - 1], ModelRequest):
        begin -= 1
    return list(messages[begin:])


def instructions_of(messages: Sequence[ModelMessage]) -> str:
    """The instructions of the last request."""
    last = messages[-1]
    return (last.instructions or "") if isinstance(last, ModelRequest) else ""


def request_digest(messages: Sequence[ModelMessage], parameters: ModelRequestParameters) -> str:
    """SHA-256 (hex) of what a request rests on besides its history: instructions and the tools as they are defined.

    The history is not part of it: it is the recorded one.
    """
    tools = [(tool.name, str((tool.metadata or {}).get("definition", ""))) for tool in parameters.function_tools]
    return hashlib.sha256(json.dumps([instructions_of(messages), tools]).encode()).hexdigest()


def build_codecs() -> None:
    """Build what turns messages into JSON and back. It takes some 30 ms, once a process: not in the middle of a turn."""
    ModelMessagesTypeAdapter.dump_python([], mode="json")
    JSON_CODEC.load(ModelResponse, {"parts": []})
    JSON_CODEC.load(CallToolResult, {"result": None, "kind": "tool_return"})


def call_ids(response: Mapping[str, Any]) -> list[str]:
    """Ids of the tool calls in a recorded answer."""
    return [part["tool_call_id"] for part in response["parts"] if part["part_kind"] == "tool-call"]


def with_ids_of_their_own(response: dict[str, Any], taken: set[str], turn: int) -> dict[str, Any]:
    """The answer, each tool call under an id that no other of the conversation has; some models count from 0 each turn.

    Adds the ids to `taken`.
    """
    for number, part in enumerate(response["parts"]):
        if part["part_kind"] == "tool-call":
            if not part["tool_call_id"] or part["tool_call_id"] in taken:
                part["tool_call_id"] = f"{part['tool_call_id']}~{turn}.{number}"
            taken.add(part["tool_call_id"])
    return response
