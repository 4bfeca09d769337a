from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from midwatch.ledger import AskRow
from tasks.harness.tell import question, spaced

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
