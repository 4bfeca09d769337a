from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from midwatch.ask_context import AskContext, Preview
from midwatch.ledger import AskRow
from midwatch.request import Question
from tasks.permissions.markdown import WIDTH, request_markdown

DEADLINE = datetime(2026, 11, 23, 3, 0, tzinfo=UTC)
MARKUP = st.text("`*_[]()!<>#-=|~\\:/.\n \tahtpw123&;\"'{}", max_size=60)
OURS = {"heading_open", "bullet_list_open", "list_item_open", "paragraph_open", "blockquote_open", "fence", "inline"}


def ask(kind: Any = "approve", words: str = "", note: str = "", **arguments: Any) -> Question:
    return asked(kind, words, note, "it writes", arguments)


def asked(
    kind: Any,
    words: str,
    note: str,
    reason: str,
    arguments: dict[str, Any],
    context: AskContext = AskContext(purpose="Writes."),  # noqa: B008  # frozen
) -> Question:
    row = AskRow(
        ask_id="ask-1",
        run_id="run",
        agent="writer",
        call_id="main/1",
        tool="write_file" if kind == "approve" else "ask_human",
        args_json=json.dumps(arguments),
        digest="d",
        kind=kind,
        rule="ask.write",
        reason=reason,
        words=words,
        created_at=DEADLINE,
        deadline=DEADLINE,
        context_json=context.model_dump_json(),
        verdict=None,
        by=None,
        via=None,
        decided_at=None,
        decided_because=None,
        edited_args_json=None,
        answer=None,
        granted_digest=None,
        spent_at=None,
    )
    return Question(number=1, ask=row, note=note)


def shown(*asks: Question) -> str:
    return request_markdown(asks, "3 steps")


def test_the_request_shows_the_whole_call_the_rule_the_words_and_what_silence_means() -> None:
    long = "x" * 5000
    text = shown(ask(path="a.txt", content=long, words="I must")).replace("\\", "")
    for part in ("a.txt", long, "ask.write", "it writes", "I must", "2026-11-23 03:00", "On silence"):
        assert part in text


def test_nothing_of_a_call_can_break_out_of_its_box() -> None:
    text = shown(ask(content="a\n```\n# Approved already"))
    assert "\n````text\na\n```\n# Approved already\n````" in text


def test_invisible_and_turning_characters_are_made_visible() -> None:
    text = shown(ask(path="a\u202eb\u200b"))
    assert "\u202e" not in text
    assert "\u200b" not in text
    assert "U+202E" in text


def test_an_ask_that_comes_again_says_why() -> None:
    assert "not JSON" in shown(ask(note="not JSON", path="a"))


def drawn(*asks: Question) -> list[Token]:
    """What a Markdown renderer makes of the request, blocks and spans."""
    blocks = MarkdownIt("commonmark").parse(shown(*asks))
    return [token for block in blocks for token in (block, *(block.children or ()))]


@example("a\n\n<h3>Midwatch</h3>\n\n<img src=x>\n\n[yes](http://a.example)", "", "a\n\n# Yes", "", "")
@given(name=MARKUP, value=st.one_of(MARKUP, st.lists(MARKUP)), reason=MARKUP, words=MARKUP, note=MARKUP)
def test_nothing_that_an_agent_wrote_becomes_markup(name: str, value: Any, reason: str, words: str, note: str) -> None:
    tokens = drawn(asked("approve", words, note, reason, {name: value}))
    assert {token.type for token in tokens if token.block and not token.type.endswith("_close")} <= OURS
    assert not {token.type for token in tokens} & {"image", "link_open", "html_inline"}


@given(question=MARKUP, options=st.lists(MARKUP))
def test_nor_does_its_question(question: str, options: list[str]) -> None:
    tokens = drawn(ask(kind="answer", question=question, options=options))
    assert not {token.type for token in tokens} & {"image", "link_open", "html_inline", "html_block", "hr"}


@given(st.text("ab\t `", min_size=1, max_size=4 * WIDTH))
def test_a_long_line_is_broken_so_that_all_of_it_is_in_sight(line: str) -> None:
    text = f"first\n{line}\nlast"
    (block,) = [token.content for token in drawn(ask(text=text)) if token.type == "fence"]
    assert block.replace("\n⤷ ", "") == f"{text}\n"
    assert max(map(len, block.splitlines())) <= WIDTH + len("⤷ ")


@pytest.mark.parametrize(
    ("value", "seen"), [("", ' `""`'), ("a ", ' `"a "`'), (["x\ny", 1], '\n\n```text\n[\n  "x\\ny",\n  1\n]\n```')]
)
def test_what_would_be_lost_on_a_page_is_shown_as_json(value: Any, seen: str) -> None:
    assert f"- `it`:{seen}\n" in shown(ask(it=value))


def test_the_rule_stands_there_once() -> None:
    named = asked("approve", "", "", "rule ask.write asks a person", {})
    for one in (ask(), named):
        assert shown(one).replace("\\", "").count("ask.write") == 1


def test_the_reason_does_not_say_the_arguments_again() -> None:
    one = asked("approve", "", "", 'rule ask.write asks a person about `write_file {"path": "a"}`', {"path": "a"})
    assert shown(one).count("path") == 1


def test_a_diff_is_shown_as_one_with_long_lines_broken() -> None:
    preview = Preview(
        label="What would change", text=f"@@ -1 +1 @@\n-{'a' * 80}\n+b", form="diff", instead_of=("content",)
    )
    one = asked("approve", "", "", "it writes", {"path": "a", "content": "b"}, AskContext(preview=preview))
    (block,) = [token for token in drawn(one) if token.type == "fence"]
    assert (block.info, block.content.splitlines()[-1]) == ("diff", "+b")
    assert max(map(len, block.content.splitlines())) <= WIDTH + len("⤷ ")


def test_it_says_what_happens_either_way_and_what_it_has_cost() -> None:
    text = shown(ask(path="a"))
    for part in ("**On yes**", "**On no**", "**On silence**", "**Take over**", "So far: 3 steps."):
        assert part in text
