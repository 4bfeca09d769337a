from __future__ import annotations

import pytest
from pydantic_ai.exceptions import UnexpectedModelBehavior
from pydantic_ai.messages import ModelResponse, ToolCallPart

from tasks.harness.durable import Positions


def calls(*ids: str) -> ModelResponse:
    return ModelResponse(parts=[ToolCallPart("write", {}, tool_call_id=id) for id in ids])


def test_turns_and_other_operations_are_counted_apart_and_from_one() -> None:
    positions = Positions("main")
    assert (positions.next_turn(), positions.next_turn()) == (1, 2)
    assert (positions.next_of("run"), positions.next_of("run")) == ("main/run/1", "main/run/2")


def test_a_tool_call_s_id_is_good_once_in_a_conversation() -> None:
    positions = Positions("main")
    positions.take_calls(calls("one", "two"))
    with pytest.raises(UnexpectedModelBehavior, match="'two'"):
        positions.take_calls(calls("three", "two"))


def test_an_empty_id_is_no_position() -> None:
    with pytest.raises(UnexpectedModelBehavior):
        Positions("main").take_calls(calls(""))
