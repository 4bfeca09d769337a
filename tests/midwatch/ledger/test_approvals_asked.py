"""What was asked lately, and what was ever refused: for whoever suggests rules."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from midwatch.ledger import Ask, Ledger

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ASK = Ask(
    ask_id="ask",
    run_id="run-1",
    call_id="c",
    tool="shell",
    args_json='{"command":"make"}',
    digest="d",
    kind="approve",
    rule="default",
    reason="no rule allows it",
    words="",
    created_at=START,
    deadline=None,
)


async def test_lately_and_whatever_was_refused_oldest_first(ledger: Ledger, run_id: str) -> None:
    old = START - timedelta(days=90)
    for name, at in (("new", START), ("old", old), ("no", old)):
        await ledger.open_ask(replace(ASK, ask_id=name, call_id=name, created_at=at))
    await ledger.open_ask(replace(ASK, ask_id="question", call_id="question", kind="answer"))
    await ledger.decide_ask("no", "denied", by="operator", via="cli")
    found = await ledger.approvals_asked("night-owl", START - timedelta(days=30))
    assert [(row.ask_id, row.verdict) for row in found] == [("no", "denied"), ("new", None)]
    assert await ledger.approvals_asked("day-owl", old) == []
