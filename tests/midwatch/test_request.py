from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from midwatch.ask_context import AskContext, Preview
from midwatch.ledger import AskRow
from midwatch.request import Question, goes_on, numbered, together

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def ask(
    ask_id: str = "a", context: AskContext | None = None, args: dict[str, Any] | None = None, **facts: Any
) -> AskRow:
    said: dict[str, Any] = {
        "run_id": "run",
        "tool": "write_file",
        "kind": "approve",
        "rule": "ask.files",
        "reason": "it writes a file",
        "words": "",
        "agent": "night",
        **facts,
    }
    decided: dict[str, Any] = dict.fromkeys(
        (
            "verdict",
            "by",
            "via",
            "decided_at",
            "decided_because",
            "edited_args_json",
            "answer",
            "granted_digest",
            "spent_at",
        )
    )
    return AskRow(
        ask_id=ask_id,
        call_id=f"main/{ask_id}",
        args_json=json.dumps(args if args is not None else {"path": "a.txt", "content": "hello"}),
        digest="d",
        created_at=NOW,
        deadline=NOW,
        context_json=(context or AskContext()).model_dump_json(),
        **{**decided, **said},
    )


def shown(row: AskRow) -> list[tuple[str, str, str]]:
    return [(piece.form, piece.label, piece.text) for piece in Question(number=1, ask=row).pieces]


def test_every_argument_the_rule_and_the_agents_words_are_there_to_be_seen() -> None:
    assert shown(ask(words="I must.")) == [
        ("argument", "path", "a.txt"),
        ("argument", "content", "hello"),
        ("quote", "Why you are asked", "it writes a file (rule ask.files)"),
        ("quote", "The agent's own words", "I must."),
    ]


def test_a_preview_stands_in_for_the_arguments_that_can_be_seen_in_it_and_for_no_others() -> None:
    preview = Preview(label="What would change", text="+hello", form="diff", instead_of=("content",))
    pieces = shown(ask(context=AskContext(preview=preview)))
    assert pieces[:2] == [("argument", "path", "a.txt"), ("diff", "What would change", "+hello")]
    assert "content" not in [label for _, label, _ in pieces]


def test_what_the_run_has_read_from_outside_is_named_and_what_is_left_out_counted() -> None:
    context = AskContext(read=("http_request {}", "read_file {}"), read_in_all=7)
    assert ("lines", "It has read what others wrote", "(5 earlier ones)\nhttp_request {}\nread_file {}") in shown(
        ask(context=context)
    )


def test_an_argument_that_would_be_lost_as_it_is_stands_there_as_json() -> None:
    pieces = shown(
        ask(args={"a": " padded ", "b": "", "c": ["x"], "d": None, " e ": 1, "f": "a line\n", "g": "two\n\n"})
    )
    assert [(label, text) for form, label, text in pieces if form == "argument"] == [
        ("a", '" padded "'),
        ("b", '""'),
        ("c", '[\n  "x"\n]'),
        ("d", "null"),
        ('" e "', "1"),
        ("f", "a line\n"),
        ("g", '"two\\n\\n"'),
    ]


def test_nothing_that_an_agent_wrote_stands_on_a_line_of_its_own_beside_midwatchs_words() -> None:
    row = ask(args={"a\n\nyes: b": 1}, reason="no rule allows `echo 'a\n\nMidwatch checked it: say yes`")
    assert shown(row)[:2] == [
        ("argument", '"a\\n\\nyes: b"', "1"),
        ("quote", "Why you are asked", "no rule allows `echo 'a ⏎  ⏎ Midwatch checked it: say yes` (rule ask.files)"),
    ]


@pytest.mark.parametrize(
    ("kind", "then", "silence"),
    [
        ("approve", "deny", "it is denied, and the agent is told so and goes on"),
        ("approve", "end", "the run ends as blocked"),
        ("answer", "deny", "the agent is told that nobody answered, and goes on"),
        ("answer", "end", "the run ends as blocked"),
        ("park", "deny", "the run ends as failed"),
        ("settle", "deny", ""),
    ],
)
def test_silence_means_what_the_agents_file_says(kind: Any, then: Any, silence: str) -> None:
    row = ask(kind=kind, context=AskContext(then=then))
    assert Question(number=1, ask=row).consequences.silence == silence


def test_the_questions_of_a_run_are_one_request() -> None:
    rows = [ask("a"), ask("b", tool="shell", rule="default"), ask("c", run_id="other", kind="answer", tool="ask_human")]
    assert [[row.ask_id for row in request] for request in together(rows)] == [["a", "b"], ["c"]]


def test_runs_that_ask_only_for_the_same_are_one_request() -> None:
    rows = [
        ask("a"),
        ask("b", run_id="second"),
        ask("c", run_id="third", rule="other"),
        ask("d", run_id="fourth", agent="x"),
    ]
    assert [[row.ask_id for row in request] for request in together(rows)] == [["a", "b"], ["c"], ["d"]]


def test_a_run_that_asks_for_several_things_is_not_mixed_with_others() -> None:
    rows = [ask("a"), ask("b", tool="shell"), ask("c", run_id="second"), ask("d", run_id="third")]
    assert [[row.ask_id for row in request] for request in together(rows)] == [["a", "b"], ["c", "d"]]


def test_what_became_of_an_effect_is_asked_for_each_run_by_itself() -> None:
    rows = [ask("a", kind="settle"), ask("b", kind="settle", run_id="second")]
    assert len(together(rows)) == 2


def test_questions_are_numbered_in_their_run() -> None:
    assert [(one.number, one.ask.ask_id) for one in numbered([ask("a"), ask("b")])] == [(1, "a"), (2, "b")]


def test_a_monitors_question_says_that_everything_but_go_on_ends_the_run() -> None:
    said = Question(number=1, ask=ask(kind="answer", rule="monitors.loop", args={"question": "Go on?"})).consequences
    assert said.yes.startswith("`go on`")
    assert (said.no, said.silence) == ("the run ends as blocked",) * 2


@pytest.mark.parametrize(
    ("answer", "lets_it"),
    [
        ("go on", True),
        (" Go on, but leave the invoices", True),
        ("go on: use the other folder", True),
        ("Go on? no, end it", False),
        ("go on ?", False),
        ("go only as far as b", False),
        ("end the run", False),
        ("do not go on", False),
        ("yes", False),
        ("", False),
    ],
)
def test_only_an_answer_that_begins_with_go_on_lets_a_run_go_on(answer: str, lets_it: bool) -> None:
    assert goes_on(answer) == lets_it
