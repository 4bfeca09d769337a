"""What a message shows: everything or a count of what it leaves out, and nothing that others wrote as markup."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.calls import visible
from midwatch.ledger import AskRow
from tasks.slack.message import Asked, Request, blocks, notice
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
    ids = {"ask_id": f"r:main:{number}", "run_id": "7d6f3b0c-0f39", "call_id": f"main/{number}", "digest": "d" * 64}
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
    asks = tuple(Asked(number=number, row=one) for number, one in enumerate(rows, start=1))
    return Request(run_id="7d6f3b0c-0f39", agent="night", asks=asks, cost="3 steps")


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
        *("actions", "button", "plain_text"),
    }
    assert "evil" not in notice(request(hostile))


def test_the_notification_escapes_even_the_name_of_the_agent() -> None:
    assert notice(replace(request(row()), agent="<!here> & co")) == (
        "&lt;!here&gt; &amp; co needs your decision: 1 question"
    )


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


@settings(deadline=None, max_examples=60)
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
    if "whole" in acts(found):
        view = form("whole", Asked(number=1, row=one))
        assert view is not None
        assert visible(sign * length) in shown([checked_view(view)])
    assert "`midwatch show 7d6f3b0c`" in shown(found) or "approve" in acts(found)


@pytest.mark.parametrize("count", [2, 10, 24, 25, 60, 300])
def test_however_many_questions_there_are_those_left_out_are_counted(count: int) -> None:
    found = checked(blocks(request(*(row(number, arguments={"content": "x" * 500}) for number in range(count)))))
    there = acts(found).count("deny")
    assert there >= min(count, 2)
    assert (f"{count - there} more of this run do not fit here" in shown(found)) == (there < count)


def test_decided_questions_make_room_for_those_that_wait() -> None:
    decided = [row(number, verdict="denied", by="x", via="cli", decided_because="y" * 500) for number in range(30)]
    found = checked(blocks(request(*decided, row(31))))
    assert "31 · write_file" in shown(found)
    assert "deny" in acts(found)


def test_a_question_whose_name_no_button_can_carry_has_none_and_says_so() -> None:
    found = checked(blocks(request(row(ask_id="x" * 2_000))))
    assert acts(found) == []
    assert "Too long a name for Slack's buttons: `midwatch show 7d6f3b0c`" in shown(found)
