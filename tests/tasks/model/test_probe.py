"""The probe measures; these models are perfect, hopeless, or good at one thing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart, UserPromptPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from tasks.model.probe import CALLS, TYPED, ProbeReport, Score, probe_model

Answer = Callable[[str, bool], ModelResponse]


def scripted(answer: Answer) -> FunctionModel:
    def respond(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        prompts = [part.content for part in messages[-1].parts if isinstance(part, UserPromptPart)]
        return answer(str(prompts[0]), bool(info.output_tools))

    return FunctionModel(respond, model_name="scripted")


def called(tool: str, args: Any) -> ModelResponse:
    return ModelResponse(parts=[ToolCallPart(tool_name=tool, args=args)])


def perfect(prompt: str, typed: bool) -> ModelResponse:
    if typed:
        return called("final_result", next(values for asked, values in TYPED if asked == prompt))
    tool, args = next((tool, args) for asked, tool, args in CALLS if asked == prompt)
    return called(tool, args) if tool else ModelResponse(parts=[TextPart("Goodbye.")])


async def test_a_perfect_model_has_nothing_against_it() -> None:
    report = await probe_model(scripted(perfect))
    assert (report.level(), report.misses, report.requests) == (5, [], 10)


async def test_a_model_that_always_takes_the_same_tool_may_only_answer() -> None:
    report = await probe_model(scripted(lambda *_: called("delete_file", {"path": "tmp/old.log"})))
    assert report.level() == 1
    assert report.scores["tool choice"] == Score(right=1, of=6)
    assert "level 1" in report.words()


async def test_wrong_arguments_are_told_apart_from_a_wrong_tool() -> None:
    def careless(prompt: str, typed: bool) -> ModelResponse:
        right = perfect(prompt, typed)
        part = right.parts[0]
        return called(part.tool_name, {}) if isinstance(part, ToolCallPart) and not typed else right

    report = await probe_model(scripted(careless))
    assert (report.scores["tool choice"].right, report.scores["arguments"].right) == (6, 0)
    assert report.level() == 2


async def test_two_calls_at_once_are_not_one_call() -> None:
    twice = ModelResponse(parts=[ToolCallPart("read_file", {"path": "notes/monday.txt"})] * 2)
    assert (await probe_model(scripted(lambda *_: twice))).scores["tool choice"].right == 1


@pytest.mark.parametrize(
    ("choice", "arguments", "typed", "level"),
    [(6, 5, 4, 5), (6, 5, 3, 3), (5, 3, 3, 3), (5, 2, 4, 2), (4, 4, 4, 2), (3, 3, 4, 1)],
)
def test_the_weakest_score_decides(choice: int, arguments: int, typed: int, level: int) -> None:
    report = ProbeReport(
        model="m",
        scores={
            "tool choice": Score(right=choice, of=6),
            "arguments": Score(right=arguments, of=5),
            "typed output": Score(right=typed, of=4),
        },
        requests=10,
        seconds=1,
        misses=[],
    )
    assert report.level() == level
    assert ProbeReport.model_validate_json(report.model_dump_json()) == report
