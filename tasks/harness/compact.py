"""Harness: what is kept of a history that outgrows the model's context?

In this order, the last to go first: the goal, what "done" means, every decision and what waits, the last turn; then the
turns before it, one line for each call, results in full, the worked examples.

pydantic-ai offers no compaction that could be used here: `Model.compact_messages` exists for two providers, lets the
model decide what to forget, and a `CompactionPart` tells the model that another model wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from pydantic_ai.messages import (
    BaseToolCallPart,
    BaseToolReturnPart,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.usage import RequestUsage

from midwatch.errors import ContextTooSmall
from tasks.harness.context import characters
from tasks.harness.note import Done, Ruling, carried, made_in, note, note_text

RESULT_LENGTHS: Final = (None, 8_000, 2_000, 500)
"""Characters of one tool result in a kept turn, tried in this order; None: in full."""
DONE_SHARE: Final = 0.2
"""Of the budget, for the calls that are told one by one."""

_CUT: Final = re.compile(r" \[cut: [\d,]+ of ([\d,]+) characters\]\Z")

Turn = tuple[ModelMessage, ...]
"""A response, and everything that answers its calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One way to make the history smaller."""

    examples: bool
    turns: int
    """How many of the last ones stay."""
    result_length: int | None
    done_chars: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """A history, taken apart."""

    examples: bool
    """Whether they still stand before the goal; once gone, they stay away."""
    asked: UserPromptPart
    """The goal."""
    done: Done
    """What a former compaction told of."""
    since: list[ModelMessage]
    """Everything that came after the goal, and after the former compaction's note."""


def compacted(
    messages: Sequence[ModelMessage],
    *,
    examples: Sequence[ModelMessage],
    goal: str,
    contract: str,
    rulings: Sequence[Ruling],
    keep_turns: int,
    budget_chars: int,
) -> list[ModelMessage]:
    """`messages` in at most `budget_chars` characters, its last request as it was.

    Responses that stay lose their `usage`: it measured a request that this history no longer is.

    Args:
        messages: worked examples, the goal's message, and the turns since; compacted before or not.
        examples: the messages of the worked examples, as they were put before the goal.
        goal: the first real user prompt.
        contract: what "done" means, in words.
        rulings: every decision of the conversation so far, and what waits.
        keep_turns: how many of the last turns stay whole, while they fit; at least one does.
        budget_chars: as `context.characters` counts.

    Raises:
        ContextTooSmall: goal, contract, decisions and the last turn alone are more than the budget.
    """
    past = _past(messages, goal, sum(len(message.parts) for message in examples))
    turns = _turns(past.since)
    size = 0
    for plan in _plans(min(keep_turns, len(turns)) or len(turns[-1:]), int(DONE_SHARE * budget_chars)):
        gone, kept = turns[: len(turns) - plan.turns], turns[len(turns) - plan.turns :]
        told = past.done.plus([made for turn in gone for made in made_in(turn)]).within(plan.done_chars)
        opening = ModelRequest(parts=[past.asked, note(contract, rulings, told, at=past.asked.timestamp)])
        history = [
            *(examples if plan.examples and past.examples else ()),
            opening,
            *_shortened(kept, plan.result_length),
        ]
        if (size := characters(history)) <= budget_chars:
            return history
    raise ContextTooSmall(_too_small(size, budget_chars, goal, note_text(contract, rulings, Done()), turns[-1:]))


def _plans(keep: int, done_chars: int) -> Iterator[Plan]:
    """What to give up, the cheapest first."""
    yield Plan(examples=True, turns=keep, result_length=None, done_chars=done_chars)
    for turns in range(keep, min(keep, 1) - 1, -1):
        for length in RESULT_LENGTHS:
            yield Plan(examples=False, turns=turns, result_length=length, done_chars=done_chars)
    yield Plan(examples=False, turns=min(keep, 1), result_length=RESULT_LENGTHS[-1], done_chars=0)


def _past(messages: Sequence[ModelMessage], goal: str, skip: int) -> Past:
    """Parts are counted, not messages: pydantic-ai joins neighbouring requests, such as an example's result and the goal.

    Raises:
        ValueError: the goal is not there after the first `skip` parts.
    """
    places = [(message, number, at) for number, message in enumerate(messages) for at in range(len(message.parts))]
    parts = [message.parts[at] for message, _, at in places]
    for place, (asked, after) in enumerate(pairwise([*parts, None])):
        done = carried(after)
        if isinstance(asked, UserPromptPart) and asked.content == goal and (done is not None or place >= skip):
            message, number, at = places[place if done is None else place + 1]
            since = [*_beside(message, at), *messages[number + 1 :]]
            return Past(examples=place >= skip, asked=asked, done=done or Done(), since=since)
    raise ValueError(f"no prompt {goal[:80]!r} in this history after its examples ({skip} parts)")


def _beside(message: ModelMessage, at: int) -> list[ModelMessage]:
    """What stands in the same request behind its part `at`."""
    if not isinstance(message, ModelRequest):
        return []
    behind = message.parts[at + 1 :]
    return [replace(message, parts=behind)] if behind else []


def _turns(messages: Sequence[ModelMessage]) -> list[Turn]:
    """Cut where no call waits for its result, so that parallel calls and late results stay together."""
    turns: list[list[ModelMessage]] = []
    waiting: set[str] = set()
    for message in messages:
        if not turns or (isinstance(message, ModelResponse) and not waiting):
            turns.append([])
        turns[-1].append(message)
        waiting |= {part.tool_call_id for part in message.parts if isinstance(part, BaseToolCallPart)}
        waiting -= {part.tool_call_id for part in message.parts if isinstance(part, BaseToolReturnPart)}
    return [tuple(turn) for turn in turns]


def _shortened(turns: Sequence[Turn], length: int | None) -> list[ModelMessage]:
    """`turns` with long results cut, but never in the message that is about to be answered."""
    messages = [_unmeasured(message) for turn in turns for message in turn]
    return [*(_cut_results(message, length) for message in messages[:-1]), *messages[-1:]]


def _unmeasured(message: ModelMessage) -> ModelMessage:
    return replace(message, usage=RequestUsage()) if isinstance(message, ModelResponse) else message


def _cut_results(message: ModelMessage, length: int | None) -> ModelMessage:
    if length is None or not isinstance(message, ModelRequest):
        return message
    return replace(
        message, parts=[_cut(part, length) if type(part) is ToolReturnPart else part for part in message.parts]
    )


def _cut(part: ToolReturnPart[Any], length: int) -> ToolReturnPart[Any]:
    """The beginning of a result, and how much there was; files in it go. A typed result of pydantic-ai's is no text."""
    text = part.model_response_str(wrap_if_error=False)
    before = _CUT.search(text)
    text, whole = (text[: before.start()], before[1]) if before else (text, f"{len(text):,}")
    if len(text) <= length and not part.files:
        return part
    return replace(part, content=f"{text[:length]} [cut: {min(length, len(text)):,} of {whole} characters]")


def _too_small(size: int, budget: int, goal: str, note: str, turns: Sequence[Turn]) -> str:
    last = sum(characters(turn) for turn in turns)
    return (
        f"the conversation is longer than the model's context and cannot be made smaller than {size:,} characters, where"
        f" {max(budget, 0):,} fit: the first message has {len(goal):,}, contract and decisions {len(note):,}, the last"
        f" turn {last:,}. Let tools return less at a time, shorten the prompt, or use a model with a larger context"
    )
