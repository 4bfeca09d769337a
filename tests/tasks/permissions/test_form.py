from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from midwatch.errors import CallError
from midwatch.ledger import Ask
from tasks.permissions.form import WIDTH, Answer, NumberedAsk, answers_of, request_markdown, resume_form, values_for

DEADLINE = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)


MARKUP = st.text("`*_[]()!<>#-=|~\\:/.\n \tahtpw123&;\"'{}", max_size=60)
OURS = {"heading_open", "bullet_list_open", "list_item_open", "paragraph_open", "blockquote_open", "fence", "inline"}


def ask(number: int = 1, kind: Any = "approve", words: str = "", note: str = "", **arguments: Any) -> NumberedAsk:
    return asked(number, kind, words, note, "it writes", arguments)


def asked(
    number: int, kind: Any, words: str, note: str, reason: str, arguments: dict[str, Any], rule: str = "ask.write"
) -> NumberedAsk:
    row = Ask(
        ask_id=f"ask-{number}",
        run_id="run",
        call_id=f"main/{number}",
        tool="write_file" if kind == "approve" else "ask_human",
        args_json=json.dumps(arguments),
        digest="d",
        kind=kind,
        rule=rule,
        reason=reason,
        words=words,
        created_at=DEADLINE,
        deadline=DEADLINE,
    )
    return NumberedAsk(number=number, ask=row, note=note)


def test_the_form_has_a_closed_choice_and_the_arguments_for_each_ask() -> None:
    schema = resume_form([ask(2, path="a")], "text").model_json_schema()
    assert schema["properties"]["decision_2"]["enum"] == ["approve", "deny", "edit"]
    assert json.loads(schema["properties"]["arguments_2"]["default"]) == {"path": "a"}
    assert schema["properties"]["arguments_2"]["format"] == "json-string"
    assert schema["required"] == ["decision_2"]


def test_a_long_form_asks_for_yes_or_no_only() -> None:
    properties = resume_form([ask(n, path="a") for n in range(1, 8)], "text").model_json_schema()["properties"]
    assert properties["decision_7"]["enum"] == ["approve", "deny"]
    assert not [name for name in properties if name.startswith("arguments")]


def test_a_question_asks_for_an_answer() -> None:
    schema = resume_form([ask(1, kind="answer", question="Which?")], "text").model_json_schema()
    assert schema["required"] == ["answer_1"]


@pytest.mark.parametrize(
    "answer",
    [
        Answer(ask_id="ask-1", verdict="approved"),
        Answer(ask_id="ask-1", verdict="denied"),
        Answer(ask_id="ask-1", verdict="edited", edited_args_json='{"path": "b"}'),
    ],
)
def test_what_is_filled_in_is_read_back(answer: Answer) -> None:
    asks = [ask(1, path="a")]
    jsonschema.validate(values_for([answer], asks), resume_form(asks, "text").model_json_schema())
    assert answers_of(values_for([answer], asks), asks) == [answer]


def test_a_decision_left_out_is_no_answer() -> None:
    assert answers_of({"reason": "later"}, [ask(1, path="a")]) == []


@pytest.mark.parametrize("text", ["not json", "[1]", '"text"'])
def test_an_edit_that_is_no_object_is_refused_and_named(text: str) -> None:
    with pytest.raises(CallError, match="ask 3"):
        answers_of({"decision_3": "edit", "arguments_3": text}, [ask(3, path="a")])


@pytest.mark.parametrize("text", ['{"path": "b"}', '{"path": "a", "path": "b"}', "[]", "", '{"path": "a", "mode": 1}'])
def test_a_yes_with_other_arguments_than_were_shown_is_asked_about_again(text: str) -> None:
    with pytest.raises(CallError, match="choose `edit`"):
        answers_of({"decision_1": "approve", "arguments_1": text}, [ask(1, path="a")])


@pytest.mark.parametrize(
    "arguments", [{"path": "a"}, {"path": "a\u202eb\u200b‹", "n": 1.5}, {"n": 1e300, "list": [1, None]}]
)
def test_a_yes_with_the_arguments_that_were_shown_is_a_yes(arguments: dict[str, Any]) -> None:
    one = ask(1, **arguments)
    shown = resume_form([one], "text").model_json_schema()["properties"]["arguments_1"]["default"]
    (answer,) = answers_of({"decision_1": "approve", "arguments_1": shown}, [one])
    assert answer.verdict == "approved"


def test_what_nobody_sees_is_escaped_in_the_arguments_to_be_edited() -> None:
    form = resume_form([ask(1, path="a\u202eb\u200b\U000e0041é")], "text").model_json_schema()
    shown = form["properties"]["arguments_1"]["default"]
    assert "a\\u202eb\\u200b\\udb40\\udc41é" in shown
    assert json.loads(shown) == {"path": "a\u202eb\u200b\U000e0041é"}


def test_the_request_shows_the_whole_call_the_rule_the_words_and_what_silence_means() -> None:
    long = "x" * 5000
    text = request_markdown("writer", "Writes.", [ask(1, path="a.txt", content=long, words="I must")], then="deny")
    for part in ("a.txt", long, "ask.write", "it writes", "I must", "2026-11-23 03:00", "On silence"):
        assert part in text


def test_nothing_of_a_call_can_break_out_of_its_box() -> None:
    text = request_markdown("writer", "Writes.", [ask(1, content="a\n```\n# Approved already")], then="deny")
    assert "\n````text\na\n```\n# Approved already\n````" in text


def test_invisible_and_turning_characters_are_made_visible() -> None:
    text = request_markdown("writer", "Writes.", [ask(1, path="a\u202eb\u200b")], then="deny")
    assert "\u202e" not in text
    assert "\u200b" not in text
    assert "U+202E" in text


def test_an_ask_that_comes_again_says_why() -> None:
    assert "not JSON" in request_markdown("writer", "Writes.", [ask(1, note="not JSON", path="a")], then="end")


def drawn(*asks: NumberedAsk) -> list[Token]:
    """What a Markdown renderer makes of the request, blocks and spans."""
    blocks = MarkdownIt("commonmark").parse(request_markdown("writer", "Writes.", asks, then="deny"))
    return [token for block in blocks for token in (block, *(block.children or ()))]


@settings(deadline=None)
@given(name=MARKUP, value=st.one_of(MARKUP, st.lists(MARKUP)), reason=MARKUP, words=MARKUP, note=MARKUP)
def test_nothing_that_an_agent_wrote_becomes_markup(name: str, value: Any, reason: str, words: str, note: str) -> None:
    tokens = drawn(asked(1, "approve", words, note, reason, {name: value}))
    assert {token.type for token in tokens if token.block and not token.type.endswith("_close")} <= OURS
    assert not {token.type for token in tokens} & {"image", "link_open", "html_inline"}


@settings(deadline=None)
@given(question=MARKUP, options=st.lists(MARKUP))
def test_nor_does_its_question(question: str, options: list[str]) -> None:
    tokens = drawn(ask(1, kind="answer", question=question, options=options))
    assert not {token.type for token in tokens} & {"image", "link_open", "html_inline", "html_block", "hr"}


@settings(deadline=None)
@given(st.text("ab\t `", min_size=1, max_size=4 * WIDTH))
def test_a_long_line_is_broken_so_that_all_of_it_is_in_sight(line: str) -> None:
    text = f"first\n{line}\nlast"
    (block,) = [token.content for token in drawn(ask(1, text=text)) if token.type == "fence"]
    assert block.replace("\n⤷ ", "") == f"{text}\n"
    assert max(map(len, block.splitlines())) <= WIDTH + len("⤷ ")


@pytest.mark.parametrize(
    ("value", "shown"), [("", '`""`'), ("a ", '`"a "`'), (["x\ny", 1], '\n    - `"x\\ny"`\n    - `1`')]
)
def test_what_would_be_lost_on_a_page_is_shown_as_json(value: Any, shown: str) -> None:
    assert f"- `it`: {shown}\n" in request_markdown("writer", "Writes.", [ask(1, it=value)], then="deny")


def test_the_rule_stands_there_once() -> None:
    named = asked(1, "approve", "", "", "rule ask.write asks a person", {})
    for one in (ask(1), named):
        assert request_markdown("writer", "Writes.", [one], then="deny").replace("\\", "").count("ask.write") == 1


def test_the_reason_does_not_say_the_arguments_again() -> None:
    one = asked(1, "approve", "", "", 'rule ask.write asks a person about `write_file {"path": "a"}`', {"path": "a"})
    assert request_markdown("writer", "Writes.", [one], then="deny").count("path") == 1
