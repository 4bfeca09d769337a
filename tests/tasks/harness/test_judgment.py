"""A form that came back, and what of it is written down."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midwatch.ledger import Ask, Ledger
from midwatch.request import Question, numbered
from tasks.harness.judgment import _apply

NOW = datetime.now(UTC)


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    told: dict[str, Any] = {"agent": "a", "cause": "person", "slot": None, "level": 3, "asked_level": None}
    await ledger.start_run("run", **told, input={}, fingerprint="f", started_at=NOW)
    return ledger


async def pending(ledger: Ledger) -> list[Question]:
    """A call, and a question."""
    rest: dict[str, Any] = {
        "rule": "",
        "reason": "",
        "words": "",
        "created_at": NOW,
        "deadline": NOW + timedelta(hours=1),
    }
    calls: list[tuple[Any, str, str]] = [
        ("approve", "send", '{"to":["a"]}'),
        ("answer", "ask_human", '{"question":"?"}'),
    ]
    for kind, tool, args in calls:
        named: dict[str, Any] = {
            "ask_id": tool,
            "call_id": f"main/{tool}",
            "tool": tool,
            "args_json": args,
            "kind": kind,
        }
        await ledger.open_ask(Ask(run_id="run", digest=tool, **named, **rest))
    return numbered(sorted(await ledger.asks_of("run"), key=lambda row: row.kind != "approve"))


async def verdicts(ledger: Ledger) -> dict[str, str | None]:
    return {row.tool: row.verdict for row in await ledger.asks_of("run")}


async def test_each_answer_is_written_down(ledger: Ledger) -> None:
    values = {"decision_1": "approve", "edit_1_1": '["a"]', "answer_2": "yes"}
    assert await _apply(ledger, values, await pending(ledger)) == {}
    assert await verdicts(ledger) == {"send": "approved", "ask_human": "answered"}


async def test_one_that_is_taken_over_takes_all_of_them_over(ledger: Ledger) -> None:
    values = {"decision_1": "approve", "decision_2": "take over", "reason": "mine"}
    assert await _apply(ledger, values, await pending(ledger)) == {}
    assert await verdicts(ledger) == {"send": "taken_over", "ask_human": "taken_over"}
    assert {row.decided_because for row in await ledger.asks_of("run")} == {"mine"}


async def test_what_others_have_decided_meanwhile_stands(ledger: Ledger) -> None:
    asked = await pending(ledger)
    for one in asked:
        await ledger.decide_ask(one.ask.ask_id, "denied", by="ada", via="cli")
    assert await _apply(ledger, {"decision_1": "take over"}, asked) == {}
    assert set((await verdicts(ledger)).values()) == {"denied"}


@pytest.mark.parametrize(
    "values",
    [
        {"decision_1": "approve", "edit_1_1": '["b"]'},
        {"decision_1": "edit"},
        {"decision_1": "edit", "edit_1_1": "b"},
    ],
)
async def test_what_cannot_be_taken_is_asked_again_with_the_reason(ledger: Ledger, values: dict[str, str]) -> None:
    notes = await _apply(ledger, {**values, "answer_2": "yes"}, await pending(ledger))
    assert set(notes) == {"send"}
    assert await verdicts(ledger) == {"send": None, "ask_human": "answered"}
