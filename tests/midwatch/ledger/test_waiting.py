"""What waits, over all runs at once: nothing that is decided is overlooked, whatever else waits."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midwatch.ledger import Ask, AskKind, Ledger

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


async def run(ledger: Ledger, run_id: str, *kinds: AskKind) -> list[str]:
    """A run that asks so; the ids of its questions."""
    facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
    await ledger.start_run(run_id, agent="night-owl", fingerprint="f", started_at=START, **facts)
    return [await ask(ledger, run_id, number, kind) for number, kind in enumerate(kinds, start=1)]


async def ask(ledger: Ledger, run_id: str, number: int, kind: AskKind) -> str:
    words: dict[str, Any] = dict.fromkeys(("rule", "reason", "words"), "")
    call: dict[str, Any] = {"call_id": f"c{number}", "tool": "shell", "args_json": "{}", "digest": "d"}
    at: dict[str, Any] = {"created_at": START + timedelta(minutes=number), "deadline": START + timedelta(hours=9)}
    row = await ledger.open_ask(Ask(ask_id=f"{run_id}:{number}", run_id=run_id, kind=kind, **call, **words, **at))
    return row.ask_id


async def deny(ledger: Ledger, ask_id: str) -> None:
    await ledger.decide_ask(ask_id, "denied", by="operator", via="cli")


@pytest.mark.parametrize(
    ("kinds", "denied", "goes_on"),
    [
        ((), 0, False),
        (("approve",), 0, False),
        (("approve",), 1, True),
        (("approve", "answer"), 1, False),
        (("approve", "answer"), 2, True),
        (("park",), 1, True),
        (("settle",), 0, False),
        (("approve", "settle"), 1, True),
    ],
)
async def test_a_run_goes_on_when_nothing_that_it_waits_for_is_open(
    ledger: Ledger, kinds: Sequence[AskKind], denied: int, *, goes_on: bool
) -> None:
    for ask_id in (await run(ledger, "r", *kinds))[:denied]:
        await deny(ledger, ask_id)
    assert await ledger.decided_runs() == (["r"] if goes_on else [])


async def test_a_run_that_has_ended_does_not_go_on(ledger: Ledger) -> None:
    (ask_id,) = await run(ledger, "r", "approve")
    await deny(ledger, ask_id)
    await ledger.finish_run("r", outcome="blocked", reason="denied")
    assert await ledger.decided_runs() == []


async def test_who_was_decided_first_comes_first_however_many_wait(ledger: Ledger, clock: Any) -> None:
    ids = [(await run(ledger, f"run-{number:03}", "approve"))[0] for number in range(300)]
    for ask_id in (ids[7], ids[299], ids[0]):
        clock.forward(seconds=1)
        await deny(ledger, ask_id)
    assert await ledger.decided_runs() == ["run-007", "run-299", "run-000"]


async def test_of_a_run_that_waits_every_question_is_there_and_of_the_others_none(ledger: Ledger) -> None:
    first, *_ = await run(ledger, "b", "approve", "approve")
    await run(ledger, "a", "answer")
    (done,) = await run(ledger, "done", "approve")
    for ask_id in (first, done):
        await deny(ledger, ask_id)
    assert [row.ask_id for row in await ledger.asks_of_waiting_runs()] == ["a:1", "b:1", "b:2"]


async def test_only_what_is_parked_waits_for_a_model(ledger: Ledger) -> None:
    await run(ledger, "r", "approve", "park")
    await deny(ledger, (await run(ledger, "tried-again", "park"))[0])
    assert [row.ask_id for row in await ledger.parked_asks()] == ["r:2"]


async def test_runs_are_found_by_how_their_id_begins_or_ends_letter_for_letter(ledger: Ledger) -> None:
    for run_id in ("ab-1", "ab-2", "a%-3", "b"):
        await run(ledger, run_id)
    assert await ledger.runs_named("ab-", limit=5) == ["ab-1", "ab-2"]
    assert await ledger.runs_named("a%", limit=5) == ["a%-3"]
    assert await ledger.runs_named("", limit=3) == ["a%-3", "ab-1", "ab-2"]
    assert await ledger.runs_named("ab-1x", limit=5) == []
    assert await ledger.runs_named("-2", limit=5) == ["ab-2"]
    assert await ledger.runs_named("b", limit=5) == ["b"]
    assert await ledger.runs_named("%-3", limit=5) == ["a%-3"]
