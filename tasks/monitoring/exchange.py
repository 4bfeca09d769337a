"""Monitoring: what happened in one turn? The model's calls and what came of them, read off the conversation's last messages."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from pydantic_ai.messages import (
    BaseToolReturnPart,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    RetryPromptPart,
    ToolCallPart,
)

from midwatch.monitors import MonitorName, Then

ARGUMENTS: Final = 160
"""Characters of a call that is shown."""

Fate = Literal["done", "failed", "refused"]
"""failed: the tool or its arguments were no good; refused: a rule or a person, or nobody answered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSeen:
    """One call of a turn."""

    tool: str
    args_json: str
    """Keys in one order."""
    result: str
    """SHA-256 (hex) of what the model was given back."""
    fate: Fate

    @property
    def digest(self) -> str:
        """Of call and result together."""
        return hashlib.sha256(f"{self.tool}\0{self.args_json}\0{self.result}".encode()).hexdigest()

    @property
    def brought(self) -> str:
        """The result and who returned it, whatever it was asked with."""
        return f"{self.tool}\0{self.result}"

    def said(self) -> str:
        """For people and for the model."""
        whole = f"{self.tool} {self.args_json}"
        return whole if len(whole) <= ARGUMENTS else f"{whole[:ARGUMENTS]}…"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One turn: everything that the model wanted, and what it got."""

    calls: tuple[CallSeen, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """Something that a monitor does not like."""

    told: str
    """A sentence for the model."""
    asked: str
    """A clause for a person: what it does."""


class Monitor(Protocol):
    """Watches one conversation, or one run. The same turns make it see the same."""

    @property
    def name(self) -> MonitorName: ...

    @property
    def then(self) -> Then: ...

    @property
    def more_steps(self) -> int | None:
        """What a person's "go on" is good for; None: the rest of the run."""
        ...

    def see(self, exchange: Exchange, turn: int) -> None:
        """One turn more, which the request `turn` answers."""
        ...

    async def sight(self, turn: int, *, told: bool) -> Sight | None:
        """What it does not like before the request `turn`; of a run that was told already only what goes beyond that."""
        ...


def last_exchange(messages: Sequence[ModelMessage]) -> Exchange | None:
    """The turn before the request that these messages end with; None where nothing was answered yet. Looks at the end alone."""
    begin = len(messages)
    while begin and isinstance(messages[begin - 1], ModelRequest):
        begin -= 1
    if not begin or begin == len(messages):
        return None
    response = messages[begin - 1]
    assert isinstance(response, ModelResponse)
    came = {
        part.tool_call_id: part
        for message in messages[begin:]
        for part in message.parts
        if isinstance(part, BaseToolReturnPart | RetryPromptPart)
    }
    calls = [part for part in response.parts if isinstance(part, ToolCallPart)]
    return Exchange(calls=tuple(_seen(call, came.get(call.tool_call_id)) for call in calls))


def _seen(call: ToolCallPart, came: BaseToolReturnPart[Any] | RetryPromptPart | None) -> CallSeen:
    return CallSeen(
        tool=call.tool_name,
        args_json=_in_order(call.args_as_json_str()),
        result=hashlib.sha256(_text(came).encode()).hexdigest(),
        fate=_fate(came),
    )


def _text(came: BaseToolReturnPart[Any] | RetryPromptPart | None) -> str:
    match came:
        case None:
            return ""
        case RetryPromptPart():
            return came.model_response()
        case _:
            return came.model_response_str(wrap_if_error=False)


def _fate(came: BaseToolReturnPart[Any] | RetryPromptPart | None) -> Fate:
    """What the tool layer and the gate make of a call; both refuse with an outcome of `failed` or `denied`."""
    if came is None or isinstance(came, RetryPromptPart):
        return "failed"
    match came.outcome:
        case "success":
            return "done"
        case "denied":
            return "refused"
        case _:
            return "failed"


def _in_order(arguments: str) -> str:
    try:
        return json.dumps(json.loads(arguments), sort_keys=True)
    except (ValueError, RecursionError):
        return arguments
