from __future__ import annotations

from pydantic_ai.messages import ModelRequest, ModelResponse, TextPart, ToolCallPart, ToolReturnPart, UserPromptPart

from midwatch.spec import Example
from tasks.harness.conversation import worked_examples


def test_examples_become_one_earlier_conversation_that_any_provider_takes() -> None:
    examples = [
        Example(user="Read a.", call={"tool": "read_file", "args": {"path": "a"}}, result="apples"),
        Example(answer="It says apples."),
        Example(user="Read b.", call={"tool": "read_file", "args": {"path": "b"}}),
    ]
    parts = [part for message in worked_examples(examples) for part in message.parts]
    assert [type(part) for part in parts] == [
        UserPromptPart,
        ToolCallPart,
        ToolReturnPart,
        TextPart,
        UserPromptPart,
        ToolCallPart,
        ToolReturnPart,
    ]
    calls = [part.tool_call_id for part in parts if isinstance(part, ToolCallPart)]
    assert calls == [part.tool_call_id for part in parts if isinstance(part, ToolReturnPart)]
    assert len(set(calls)) == 2


def test_a_person_and_the_model_take_turns() -> None:
    examples = [Example(user="Hello.", answer="Good night."), Example(user="Again.", answer="Sleep well.")]
    kinds = [type(message) for message in worked_examples(examples)]
    assert kinds == [ModelRequest, ModelResponse, ModelRequest, ModelResponse]
