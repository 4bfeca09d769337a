"""The inbox of very many runs: everything that waits is there, under its number, and a row more costs no query more."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest

from cli.inbox import _waiting
from cli.ledger import whole_id
from midwatch.errors import LedgerError
from midwatch.ledger import Ask, Ledger
from midwatch.run_ids import short
from tests.midwatch.test_run_ids import BATCH

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Ledger]:
    async with Ledger.open(ledger_url, clock=lambda: NOW) as ledger:
        yield ledger


async def run(ledger: Ledger, run_id: str, *minutes: int) -> None:
    """A run with a question from each of these minutes."""
    facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
    await ledger.start_run(run_id, agent="night", fingerprint="f", started_at=NOW, **facts)
    for minute in minutes:
        texts: dict[str, Any] = dict.fromkeys(("rule", "reason", "words"), "")
        call: dict[str, Any] = {"call_id": f"c{minute}", "tool": "shell", "args_json": "{}", "digest": "d"}
        at: dict[str, Any] = {"created_at": NOW + timedelta(minutes=minute), "deadline": NOW + timedelta(hours=9)}
        await ledger.open_ask(Ask(ask_id=f"{run_id}/{minute}", run_id=run_id, kind="approve", **call, **texts, **at))


@dataclass
class CountingLedger:
    """A ledger that counts what it is asked."""

    ledger: Ledger
    asked: Counter[str] = field(default_factory=Counter)

    def __getattr__(self, name: str) -> Any:
        self.asked[name] += 1
        return getattr(self.ledger, name)


async def test_what_waits_longest_comes_first_each_with_its_number_in_its_run(ledger: Ledger) -> None:
    await run(ledger, "b", 1, 4)
    await run(ledger, "a", 2, 3)
    await ledger.decide_ask("b/1", "denied", by="somebody", via="cli")
    assert [(one.ask.ask_id, one.number) for one in await _waiting(ledger)] == [("a/2", 1), ("a/3", 2), ("b/4", 2)]


async def test_how_to_take_back_what_is_in_doubt_is_told(ledger: Ledger) -> None:
    await run(ledger, "a")
    call: dict[str, Any] = {"digest": "d", "tool": "shell", "args_json": "{}", "idempotency_key": "k"}
    effect = await ledger.reserve("a", "main/1", **call)
    await ledger.mark_unknown(effect.effect_id, "the run was cut off", "put it back")
    assert [(one.ask.kind, one.undo) for one in await _waiting(ledger)] == [("settle", "put it back")]


async def test_very_many_are_listed_with_one_question_to_the_ledger(ledger: Ledger) -> None:
    for number in range(300):
        await run(ledger, f"run-{number:03}", number)
    watched = CountingLedger(ledger)
    assert len(await _waiting(cast(Ledger, watched))) == 300
    assert watched.asked.total() == 1


async def test_a_run_is_known_by_some_of_its_characters_however_many_there_are(ledger: Ledger) -> None:
    for number in range(1200):
        await run(ledger, f"{number:04}-run")
    assert await whole_id(ledger, "0000") == "0000-run"
    assert await whole_id(ledger, "0007-run") == "0007-run"
    with pytest.raises(LedgerError, match="no single run begins or ends with '119'; it could be 1190-run, 1191-run"):
        await whole_id(ledger, "119")
    with pytest.raises(LedgerError, match="no single run begins or ends with 'x'"):
        await whole_id(ledger, "x")


async def test_a_run_of_a_batch_is_known_by_its_short_form(ledger: Ledger) -> None:
    for run_id in BATCH:
        await run(ledger, run_id)
    assert [await whole_id(ledger, short(run_id)) for run_id in BATCH] == list(BATCH)
    with pytest.raises(LedgerError, match=f"could be {BATCH[0]}, {BATCH[1]}; `midwatch runs` lists them"):
        await whole_id(ledger, BATCH[0][:8])
