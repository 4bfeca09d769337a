"""Questions as they stand in the ledger, without one."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from midwatch.ledger import AskRow
from midwatch.request import Question, Request
from tasks.page.sheet import Page

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)


def row(**facts: Any) -> AskRow:
    """A question about a call; by default whether a file may be written."""
    arguments = facts.pop("arguments", {"path": "a.txt", "content": "hello"})
    context = facts.pop("context", {})
    known: dict[str, Any] = {
        "ask_id": "run:main:1",
        "run_id": "0123456789",
        "call_id": "main:1",
        "tool": "write_file",
        "args_json": json.dumps(arguments),
        "digest": "d" * 64,
        "kind": "approve",
        "rule": "ask.files",
        "reason": "it writes a file",
        "words": "",
        "created_at": NOW,
        "deadline": NOW + timedelta(minutes=130),
        "agent": "night",
        "context_json": json.dumps(context),
        **dict.fromkeys(("verdict", "by", "via", "decided_at", "decided_because", "edited_args_json", "answer")),
        **dict.fromkeys(("granted_digest", "spent_at")),
    }
    return AskRow(**{**known, **facts})


def request(*rows: AskRow) -> Request:
    questions = tuple(Question(number=number, ask=one) for number, one in enumerate(rows, start=1))
    return Request(questions=questions, cost="3 steps, 1,200 tokens, 0.0100 US dollars")


def page(**facts: Any) -> Page:
    return Page(**{"path": "/r/x", "form": "token", "by": "anna", "login": False, "now": NOW, **facts})
