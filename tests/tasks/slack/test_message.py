"""What a message shows: everything or a count of what it leaves out, and nothing that others wrote as markup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.ask_context import AskContext, Preview
from midwatch.calls import visible
from midwatch.ledger import AskRow
from midwatch.request import Question, Request
from tasks.slack.message import Left, blocks, notice
from tasks.slack.modal import form
from tests.tasks.slack.slack_server import checked, checked_view, strings

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
HOSTILE = "<!channel> <@U1ANNA> *bold* `x` ```fence``` https://evil.example/x <https://evil.example|ok> &lt;b&gt; :tada: \u202e"


def row(number: int = 1, **facts: Any) -> AskRow:
    arguments = facts.pop("arguments", {"path": "a.txt"})
    undecided = dict.fromkeys(
        ("verdict", "by", "via", "decided_at", "decided_because", "edited_args_json", "answer", "granted_digest"), None
    )
    texts = {"rule": "ask.files", "reason": "it writes", "words": "", "agent": "night", "tool": "write_file"}
    times = {"created_at": NOW, "deadline": NOW, "spent_at": None}
    ids = {
        "ask_id": f"r:main:{number}",
        "run_id": "7d6f3b0c-0f39-4c55-9e52-2f36f1f9a001",
        "call_id": f"main/{number}",
        "digest": "d" * 64,
    }
    fields: dict[str, Any] = {
        "kind": "approve",
        "args_json": json.dumps(arguments),
        **undecided,
        **texts,
        **times,
        **ids,
    }
    return AskRow(**{**fields, **facts})


def request(*rows: AskRow) -> Request:
    questions = tuple(Question(number=number, ask=one) for number, one in enumerate(rows, start=1))
    return Request(questions=questions, cost="3 steps")


def parts(part: object) -> Iterator[dict[str, Any]]:
    if isinstance(part, dict):
        yield part
    for one in part.values() if isinstance(part, dict) else part if isinstance(part, list) else ():
        yield from parts(one)


def acts(found: list[dict[str, Any]]) -> list[str]:
    return [one["action_id"] for one in parts(found) if one.get("type") == "button"]


def shown(found: list[dict[str, Any]]) -> str:
    return "".join(strings(found))


@pytest.mark.parametrize(
    "hostile",
    [
        row(arguments={"content": HOSTILE, HOSTILE: 1}),
        row(words=HOSTILE),
        row(reason=HOSTILE),
        row(kind="answer", arguments={"question": HOSTILE, "options": [HOSTILE]}),
        row(verdict="denied", by="slack:U1 x", via="slack", decided_because=HOSTILE),
        row(verdict="edited", by="slack:U1 x", via="slack", edited_args_json=HOSTILE),
    ],
)
def test_what_others_wrote_is_letters_and_never_markup(hostile: AskRow) -> None:
    found = blocks(request(hostile))
    assert visible(HOSTILE) in shown(found)
    assert {one["type"] for one in parts(found) if "type" in one} <= {
        *("rich_text", "rich_text_section", "rich_text_preformatted", "rich_text_quote", "text"),
        *("actions", "button", "plain_text", "overflow"),
    }
    assert "evil" not in notice(request(hostile), 1)


def test_the_notification_escapes_even_the_name_of_the_agent() -> None:
    assert notice(request(row(agent="<!here> & co")), 1) == ("&lt;!here&gt; &amp; co needs your decision: 1 question")


def test_an_arguments_name_cannot_pass_for_a_heading_of_midwatch() -> None:
    found = blocks(request(row(arguments={"Why you are asked": "for nothing"})))
    labels = [one for one in parts(found) if str(one.get("text", "")).startswith("Why you are asked")]
    assert [one["style"] for one in labels] == [{"code": True}, {"bold": True}]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("approve", ["approve", "deny", "deny_because", "edit"]),
        ("park", ["approve", "deny", "deny_because"]),
        ("answer", ["answer", "deny", "deny_because"]),
        ("settle", []),
    ],
)
def test_each_kind_of_question_has_its_buttons(kind: Any, expected: list[str]) -> None:
    assert acts(blocks(request(row(kind=kind)))) == expected


def test_a_decided_question_has_none() -> None:
    found = blocks(request(row(verdict="approved", by="carla", via="cli", decided_at=NOW)))
    assert acts(found) == []
    assert "1 · write_file · approved by carla through cli at 2026-11-22 03:00 UTC" in shown(found)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=40), st.text() | st.integers() | st.lists(st.text()), max_size=30), st.text())
def test_a_yes_is_offered_only_where_every_letter_is_shown(arguments: dict[str, Any], words: str) -> None:
    one = row(arguments=arguments, words=words)
    found = checked(blocks(request(one)))
    assert "deny" in acts(found)
    if "approve" in acts(found):
        texts = [value for value in arguments.values() if isinstance(value, str) and value == value.strip()]
        assert all(visible(text) in shown(found) for text in (*texts, words))


@pytest.mark.parametrize("length", [1_000, 1_600, 9_000, 29_000, 40_000, 1_000_000])
@pytest.mark.parametrize("sign", ["x", "\n", "\u202e", "ü", '"'])
def test_a_long_call_is_never_cut_in_silence(length: int, sign: str) -> None:
    one = row(arguments={"content": "a" + sign * length + "b"})
    found = checked(blocks(request(one)))
    assert ("approve" in acts(found)) == ("characters are not shown here" not in shown(found))
    assert ("edit" in acts(found)) == ("approve" in acts(found))
    if "whole" in acts(found):
        view = form("whole", Question(number=1, ask=one))
        assert view is not None
        assert visible(sign * length) in shown([checked_view(view)])
    assert "`midwatch show f1f9a001`" in shown(found) or "approve" in acts(found)


@pytest.mark.parametrize("count", [2, 10, 24, 25, 60, 300])
def test_however_many_questions_there_are_those_left_out_are_counted(count: int) -> None:
    found = checked(blocks(request(*(row(number, arguments={"content": "x" * 500}) for number in range(count)))))
    there = acts(found).count("deny")
    assert there >= min(count, 2)
    assert (f"{count - there} more do not fit here" in shown(found)) == (there < count)


def test_decided_questions_make_room_for_those_that_wait() -> None:
    decided = [row(number, verdict="denied", by="x", via="cli", decided_because="y" * 500) for number in range(30)]
    found = checked(blocks(request(*decided, row(31))))
    assert "31 · write_file" in shown(found)
    assert "deny" in acts(found)


def test_a_question_whose_name_no_button_can_carry_has_none_and_says_so() -> None:
    found = checked(blocks(request(row(ask_id="x" * 2_000))))
    assert acts(found) == []
    assert "Too long a name for Slack's buttons: `midwatch show f1f9a001`" in shown(found)


def test_a_diff_and_lines_are_shown_as_they_are_under_their_own_heading() -> None:
    preview = Preview(label="What it changes", text="-old\n+new", form="diff", instead_of=("content",))
    context = AskContext(preview=preview, read=("http_request {...}",), read_in_all=3).model_dump_json()
    found = checked(blocks(request(row(arguments={"path": "a.txt", "content": "new"}, context_json=context))))
    fixed = [one["elements"][0]["text"] for one in parts(found) if one.get("type") == "rich_text_preformatted"]
    assert fixed == ["-old\n+new", "(2 earlier ones)\nhttp_request {...}"]
    assert "content" not in shown(found)


def test_it_says_what_the_agent_is_for_and_what_happens_on_yes_on_no_and_on_silence() -> None:
    text = shown(blocks(request(row(context_json=AskContext(purpose="Tidies up.", then="end").model_dump_json()))))
    assert "Tidies up." in text
    assert "On yes exactly this runs, once; on no it is not done" in text
    assert "on silence, at the deadline, the run ends as blocked." in text
    assert "Run f1f9a001, so far 3 steps." in text


def test_where_it_is_not_the_same_for_all_it_says_for_which() -> None:
    text = shown(blocks(request(row(1), row(2, kind="answer", arguments={"question": "?"}), row(3))))
    assert "1, 3: on yes exactly this runs" in text
    assert "2: on yes the agent goes on with your answer" in text


def test_questions_of_several_runs_name_theirs() -> None:
    one, other = row(1), row(2, run_id="1111-99990000")
    two = Request(questions=(Question(number=1, ask=one), Question(number=1, ask=other)), cost="3 steps")
    text = shown(blocks(two))
    assert "1 · write_file · run f1f9a001" in text
    assert "1 · write_file · run 99990000" in text
    assert "2 runs, so far 3 steps." in text


def test_what_is_not_in_the_request_is_counted_too() -> None:
    assert "7 more do not fit here" in shown(blocks(request(row()), Left(waiting=7, decided=2)))
    assert "2 more are decided." in shown(blocks(request(row()), Left(waiting=7, decided=2)))


@pytest.mark.parametrize(
    ("verdict", "words"), [("approved", "You said yes: it would have run."), ("denied", "You caught it.")]
)
def test_a_planted_question_says_so_when_it_is_decided_and_not_before(verdict: Any, words: str) -> None:
    assert "wrong address" not in shown(blocks(request(row(planted="wrong address"))))
    text = shown(blocks(request(row(planted="wrong address", verdict=verdict, by="slack:U1 x", via="slack"))))
    assert words in text
    assert "That was a test: wrong address." in text


def test_the_menu_offers_no_more_than_what_can_be_seen_and_carried() -> None:
    def menu(one: AskRow) -> list[str]:
        found = [part for part in parts(checked(blocks(request(one)))) if part.get("type") == "overflow"]
        return [option["value"] for part in found for option in part["options"]]

    assert menu(row()) == ["always", "mandate", "take_over", "halt"]
    assert menu(row(kind="park")) == menu(row(kind="answer")) == ["take_over", "halt"]
    assert menu(row(arguments={"content": "x" * 1_000_000})) == ["take_over", "halt"]
    assert menu(row(kind="settle")) == menu(row(ask_id="x" * 300)) == []
