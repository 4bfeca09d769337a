from __future__ import annotations

import pytest
from pydantic_ai.messages import (
    BinaryContent,
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextContent,
    TextPart,
    ThinkingPart,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)
from pydantic_ai.usage import RequestUsage

from tasks.harness.context import FILE_CHARACTERS, Load, budget_chars, characters, load, needs_compacting


def asked(text: str) -> ModelRequest:
    return ModelRequest(parts=[UserPromptPart(content=text)])


def answered(text: str, *, tokens: int, output: int = 0) -> ModelResponse:
    return ModelResponse(parts=[TextPart(text)], usage=RequestUsage(input_tokens=tokens, output_tokens=output))


@pytest.mark.parametrize(
    ("message", "size"),
    [
        (asked("four"), 4),
        (ModelRequest(parts=[UserPromptPart(content=["four", TextContent("five!", metadata="x" * 99)])]), 9),
        (
            ModelRequest(parts=[UserPromptPart(content=[BinaryContent(b"x" * 9, media_type="image/png")])]),
            FILE_CHARACTERS,
        ),
        (ModelResponse(parts=[ThinkingPart("hm"), TextPart("So."), ToolCallPart("read", {"a": 1}, "1")]), 16),
        (ModelRequest(parts=[ToolReturnPart("read", {"b": 2}, "1")]), 11),
        (ModelRequest(parts=[ToolReturnPart("read", None, "1")]), 4),
    ],
)
def test_what_goes_to_the_model_is_counted(message: ModelMessage, size: int) -> None:
    assert characters([message]) == size


def test_the_providers_own_count_says_how_many_characters_make_a_token() -> None:
    messages: list[ModelMessage] = [asked("x" * 900), answered("y" * 40, tokens=250, output=10), asked("z" * 400)]
    assert load(messages, fixed_chars=100) == Load(tokens=250 + 10 + 100, ratio=4.0)


def test_before_the_first_answer_the_usual_ratio_has_to_do() -> None:
    assert load([asked("x" * 500)], fixed_chars=100) == Load(tokens=200, ratio=3.0)


def test_a_provider_that_reports_nothing_is_passed_over() -> None:
    messages: list[ModelMessage] = [asked("x" * 400), answered("", tokens=100), asked("y"), answered("z" * 7, tokens=0)]
    assert load(messages, fixed_chars=0) == Load(tokens=102, ratio=4.0)


@pytest.mark.parametrize(
    ("tokens", "window", "needed"), [(6144, 8192, False), (6145, 8192, True), (10**6, None, False), (9000, 8192, True)]
)
def test_three_quarters_of_a_known_window_is_enough(tokens: int, window: int | None, needed: bool) -> None:
    assert needs_compacting(Load(tokens=tokens, ratio=3.0), window) is needed


def test_a_result_that_came_since_counts_before_it_is_sent() -> None:
    messages: list[ModelMessage] = [
        asked("x" * 400),
        answered("", tokens=100),
        ModelRequest(parts=[ToolReturnPart("r", "x" * 40_000, "1")]),
    ]
    assert needs_compacting(load(messages, fixed_chars=0), 8192)


def test_the_budget_is_what_is_left_beside_the_instructions() -> None:
    assert budget_chars(Load(tokens=7000, ratio=4.0), 8000, fixed_chars=2_000) == 14_000
