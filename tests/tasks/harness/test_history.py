from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from pydantic_ai.durable_exec import JSON_CODEC
from pydantic_ai.messages import (
    ModelMessage,
    ModelMessagesTypeAdapter,
    ModelRequest,
    ModelResponse,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.models import ModelRequestParameters
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.usage import RequestUsage

from midwatch.ledger import StoredStep
from tasks.harness.history import call_ids, instructions_of, new_turn, recorded, request_digest, turn_position


def request(number: int, instructions: str) -> ModelRequest:
    part = UserPromptPart(f"go {number}") if number == 0 else ToolReturnPart("t", {"n": None}, f"c{number}")
    return ModelRequest(parts=[part], instructions=instructions)


def response(number: int) -> ModelResponse:
    call = ToolCallPart("t", {"n": None, "deep": {"x": None}}, tool_call_id=f"c{number + 1}")
    parts: list[Any] = [ThinkingPart("hm", signature="s"), TextPart("I look."), call]
    return ModelResponse(parts=parts, usage=RequestUsage(input_tokens=7, details={"x": 1}), model_name="m")


def stored(
    requests: Sequence[ModelRequest], responses: Sequence[ModelResponse], whole_at: int
) -> dict[str, StoredStep]:
    """What a run leaves in the ledger, turn by turn."""
    steps, history, before = {}, list[ModelMessage](), ""
    for number, (asked, answer) in enumerate(zip(requests, responses, strict=True), start=1):
        history = [*history, asked]
        payload: Any = JSON_CODEC.dump(ModelResponse, answer)
        turn = new_turn(history, payload, whole=number in (1, whole_at), instructions_before=before)
        before = asked.instructions or ""
        position = turn_position("main", number)
        steps[position] = StoredStep(
            position=position, kind="model", name="m", detail="", result_json=turn.as_json(), request_digest=""
        )
        history.append(answer)
    return steps


def as_json(messages: Sequence[ModelMessage]) -> Any:
    """Without instructions, of which a provider is sent the last request's alone."""
    bare = [replace(one, instructions=None) if isinstance(one, ModelRequest) else one for one in messages]
    again = ModelMessagesTypeAdapter.validate_python(ModelMessagesTypeAdapter.dump_python(bare, mode="json"))
    return ModelMessagesTypeAdapter.dump_python(again, mode="json")


@given(st.lists(st.sampled_from(["", "one", "two"]), min_size=1, max_size=8), st.integers(0, 8))
def test_a_conversation_is_put_together_as_it_was(instructions: list[str], whole_at: int) -> None:
    requests = [request(number, text) for number, text in enumerate(instructions)]
    responses = [response(number) for number in range(len(instructions))]
    again = recorded("main", stored(requests, responses, whole_at))
    whole = [one for pair in zip(requests, responses, strict=True) for one in pair][:-1]
    assert instructions_of(again.history) == instructions[-1]
    assert as_json(again.history) == as_json(whole)
    assert again.turns == len(instructions)
    assert again.call_ids == {f"c{number}" for number in range(1, len(instructions))}


def test_what_a_turn_stores_does_not_grow_with_the_history() -> None:
    requests = [request(number, "the same") for number in range(200)]
    steps = stored(requests, [response(number) for number in range(200)], 0)
    sizes = [len(steps[turn_position("main", number)].result_json) for number in (3, 199)]
    assert sizes[1] - sizes[0] < 20


def test_a_conversation_without_turns_begins_at_its_beginning() -> None:
    assert (recorded("main", {}).turns, recorded("main", {}).history) == (0, [])


def test_the_ids_of_calls_are_read_from_what_is_stored() -> None:
    payload: Any = JSON_CODEC.dump(ModelResponse, response(4))
    assert call_ids(payload) == ["c5"]


def test_a_request_rests_on_its_instructions_and_on_its_tools_as_they_are_defined() -> None:
    def digest(instructions: str, definition: str) -> str:
        tool = ToolDefinition(name="t", metadata={"definition": definition})
        return request_digest([request(0, instructions)], ModelRequestParameters(function_tools=[tool]))

    assert digest("a", "1") == digest("a", "1")
    assert len({digest("a", "1"), digest("b", "1"), digest("a", "2")}) == 3
