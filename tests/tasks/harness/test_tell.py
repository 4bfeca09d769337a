from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from midwatch.ledger import AskRow, EffectRow, EffectState
from tasks.harness.tell import question, spaced, ways_back

NOW = datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
ASK: dict[str, Any] = {
    "ask_id": "ask",
    "run_id": "run",
    "call_id": "main/call",
    "tool": "write_file",
    "args_json": '{"content":"x","path":"a\\u202e.txt"}',
    "digest": "0" * 64,
    "kind": "approve",
    "rule": "ask.write-file",
    "reason": "",
    "words": "",
    "created_at": NOW,
    "deadline": NOW,
    "agent": "writer",
    "decided_at": NOW,
    "edited_args_json": None,
    "answer": None,
    "granted_digest": None,
    "spent_at": None,
}


@pytest.mark.parametrize(
    ("by", "via", "who"),
    [("somebody", "cli", "somebody (cli)"), ("prefect-ui", "prefect-ui", "prefect-ui"), (None, None, "")],
)
def test_the_report_says_who_answered_and_through_which_door(by: str | None, via: str | None, who: str) -> None:
    told = question(AskRow(**ASK, verdict="approved", decided_because="yes", by=by, via=via))
    assert (told.answer, told.by, told.words) == ("approved", who, "yes")


def test_arguments_can_be_broken_into_lines_and_hide_nothing() -> None:
    told = question(AskRow(**ASK, verdict=None, decided_because=None, by=None, via=None))
    assert told.what == 'write_file {"content": "x", "path": "a‹U+202E›.txt"}'
    assert told.answer == "waiting"
    assert spaced("no JSON") == "no JSON"


def test_a_doubt_is_told_as_the_question_that_it_is() -> None:
    told = question(AskRow(**{**ASK, "kind": "settle"}, verdict=None, decided_because=None, by=None, via=None))
    assert told.what.startswith('did this happen? write_file {"content": "x"')


def test_only_what_has_happened_and_says_how_is_offered_for_taking_back_the_last_first() -> None:
    facts: dict[str, Any] = {"run_id": "run", "digest": "d", "tool": "move", "args_json": "{}", "idempotency_key": "k"}
    times: dict[str, Any] = {"attempts": 1, "why": "", "reserved_at": NOW, "settled_at": NOW}
    told: list[tuple[EffectState, str]] = [
        ("consumed", "mv b a"),
        ("consumed", ""),
        ("unknown", "mv d c"),
        ("consumed", "mv f e"),
    ]
    effects = [
        EffectRow(effect_id=n, call_id=f"{n}", ask_id=None, state=state, result_json=None, undo=undo, **facts, **times)
        for n, (state, undo) in enumerate(told)
    ]
    assert [way.how for way in ways_back(effects)] == ["mv f e", "mv b a"]
