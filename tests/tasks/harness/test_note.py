from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic_ai.messages import (
    ModelMessage,
    ModelRequest,
    ModelResponse,
    TextContent,
    ToolCallPart,
    ToolReturnPart,
    UserPromptPart,
)

from tasks.harness.note import COUNTED, OTHERS, SHORT, Done, Made, Ruling, carried, made_in, note

REFUSED = Ruling(tool="send_mail", args_json='{"to":"all"}', answer="denied", words="not before noon")
WAITING = Ruling(tool="shell", args_json='{"argv":["rm","old"]}', answer="waiting")
CHANGED = Ruling(
    tool="write_file", args_json='{"path":"a"}', answer="edited", edited_args_json='{"path":"b"}', words="wrong place"
)


def calls(number: int) -> tuple[Made, ...]:
    return tuple(Made(tool=f"tool_{at}", args="{}", outcome="success", result="ok") for at in range(number))


@pytest.mark.parametrize(
    ("ruling", "said"),
    [
        (REFUSED, 'send_mail {"to":"all"} was refused by a person ("not before noon"). It was not done. Do not ask'),
        (Ruling(tool="rm", args_json="{}", answer="denied", by="rule", words="deny.rm: never"), "refused by a rule"),
        (CHANGED, 'A person changed write_file {"path":"a"} to {"path":"b"} ("wrong place"). The call before was not'),
        (Ruling(tool="rm", args_json="{}", answer="approved"), "A person approved rm {}, this one call and no other."),
        (Ruling(tool="ask", args_json="{}", answer="answered", words="blue"), 'A person answered ask {}: "blue".'),
        (Ruling(tool="rm", args_json="{}", answer="expired"), "rm {} was answered by nobody in time. It was not done."),
        (WAITING, 'shell {"argv":["rm","old"]} waits for a person\'s answer. It has not been done.'),
    ],
)
def test_a_decision_is_one_line_that_says_what_holds(ruling: Ruling, said: str) -> None:
    assert said in ruling.said()


def test_what_came_of_a_call_is_told_in_a_line() -> None:
    failed: list[ModelMessage] = [
        ModelResponse(parts=[ToolCallPart("fetch", '{"url": "x"', "1"), ToolCallPart("fetch", None, "2")]),
        ModelRequest(parts=[ToolReturnPart("fetch", {"code": [404]}, "1", outcome="failed")]),
    ]
    assert made_in(failed) == [
        Made(tool="fetch", args='{"INVALID_JSON":"{\\"url\\": \\"x\\""}', outcome="failed", result='{"code":[404]}'),
        Made(tool="fetch", args="{}", outcome="open", result=""),
    ]
    assert made_in(failed)[0].said().endswith(' -> failed: "{\\"code\\":[404]}"')


def test_nothing_hides_and_no_line_ends_in_what_is_told_of_a_call() -> None:
    ruling = Ruling(tool="rm", args_json='{\n"a":"\u202e"}', answer="denied", words="no\n- yes")
    assert ruling.said() == (
        'rm { "a":"‹U+202E›"} was refused by a person ("no\\n- yes"). It was not done. Do not ask for it again.'
    )


def test_arguments_and_results_are_shortened_to_a_line() -> None:
    long: list[ModelMessage] = [
        ModelResponse(parts=[ToolCallPart("write", {"text": "x" * 500}, "1")]),
        ModelRequest(parts=[ToolReturnPart("write", "a\n\nb " * 400, "1")]),
    ]
    [made] = made_in(long)
    assert (len(made.args), len(made.result)) == (SHORT + 1, SHORT + 1)
    assert made.result.startswith("a b a b")


def test_the_newest_calls_are_told_and_the_others_counted() -> None:
    done = Done(counts={"tool_0": 2}, calls=calls(5)).within(2 * len('- tool_0 {} -> "ok"\n'))
    assert done.lines() == [
        "earlier calls: tool_0 x 3, tool_1 x 1, tool_2 x 1",
        'tool_3 {} -> "ok"',
        'tool_4 {} -> "ok"',
    ]


def test_only_so_many_tools_are_counted_by_name() -> None:
    done = Done(calls=calls(3 * COUNTED)).within(0).plus(calls(3 * COUNTED)).within(0)
    assert len(done.counts) == COUNTED + 1
    assert done.counts[OTHERS] == 4 * COUNTED
    assert sum(done.counts.values()) == 6 * COUNTED


def test_a_note_carries_what_was_done_and_nothing_else_is_taken_for_one() -> None:
    done = Done(counts={"a": 2}, calls=calls(2))
    written = note("contract", [REFUSED], done, at=datetime(2026, 1, 1, tzinfo=UTC))
    assert carried(written) == done
    assert isinstance(written.content[0], TextContent)
    copied = written.content[0].content
    for other in (
        UserPromptPart(content=copied),
        UserPromptPart(content=[copied]),
        ToolReturnPart("a", copied, "1"),
        None,
    ):
        assert carried(other) is None
