"""Planted proposals in the ledger: within their share whatever comes, once, and a yes to one is good for nothing."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from random import Random
from shutil import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from midwatch.approval import Attempt, fault_of
from midwatch.errors import LedgerError
from midwatch.ledger import Ask, AskRow, Ledger
from midwatch.planted import chance
from tests.midwatch.ledger.test_asks import ASK, RUN, START

SHARE = 0.02


def real(number: int, **changes: Any) -> Ask:
    return replace(ASK, **{"ask_id": f"ask-{number}", "call_id": f"c{number}", "digest": f"d{number}", **changes})


def planted(number: int = 0, **changes: Any) -> Ask:
    return real(number, **{"ask_id": f"test-{number}", "call_id": f"t{number}", "planted": "it is a trap", **changes})


async def planted_in(ledger: Ledger) -> list[AskRow]:
    return [row for row in await ledger.asks_of("run-1") if row.planted]


async def asked_so_far(ledger: Ledger, count: int) -> None:
    await ledger.open_round([real(number) for number in range(1, count + 1)])


async def planted_one(ledger: Ledger) -> AskRow:
    await asked_so_far(ledger, 48)
    await ledger.open_round([real(49)], planted(), SHARE)
    (row,) = await planted_in(ledger)
    return row


@pytest.mark.parametrize(("before", "found"), [(0, 0), (1, 0), (47, 0), (48, 1), (200, 1)])
async def test_a_test_is_never_among_the_first_that_are_asked(
    ledger: Ledger, run_id: str, before: int, found: int
) -> None:
    if before:
        await asked_so_far(ledger, before)
    await ledger.open_round([real(before + 1)], planted(), SHARE)
    assert len(await planted_in(ledger)) == found


async def test_what_others_asked_gives_no_room(ledger: Ledger, run_id: str) -> None:
    await ledger.start_run("other", agent="day-owl", slot="other", **RUN)
    await ledger.open_round([real(number, run_id="other") for number in range(1, 200)])
    await ledger.open_round([real(200)], planted(), SHARE)
    assert await planted_in(ledger) == []


async def test_a_round_that_stands_already_gets_none(ledger: Ledger, run_id: str) -> None:
    await asked_so_far(ledger, 100)
    rows = await ledger.open_round([real(1), real(2)], planted(), SHARE)
    assert (len(rows), await planted_in(ledger)) == (2, [])


async def test_a_replay_opens_the_same_round(ledger: Ledger, run_id: str) -> None:
    row = await planted_one(ledger)
    await ledger.open_round([real(49)], planted(), SHARE)
    assert await planted_in(ledger) == [row]


async def test_while_one_waits_in_a_run_there_is_no_second_one(ledger: Ledger, run_id: str) -> None:
    row = await planted_one(ledger)
    more = [real(number) for number in range(50, 200)]
    await ledger.open_round(more, planted(1), SHARE)
    assert await planted_in(ledger) == [row]
    await ledger.decide_ask(row.ask_id, "denied", by="ada", via="cli")
    await ledger.open_round([real(200)], planted(2), SHARE)
    assert len(await planted_in(ledger)) == 2


@pytest.mark.parametrize("verdict", ["approved", "edited"])
async def test_a_yes_to_a_test_is_good_for_nothing(ledger: Ledger, run_id: str, verdict: Any) -> None:
    row = await planted_one(ledger)
    edit = {"edited_args_json": "{}", "edited_digest": "e"} if verdict == "edited" else {}
    made = await ledger.decide_ask(row.ask_id, verdict, by="ada", via="cli", digest_seen=row.digest, **edit)
    assert (made.first, made.row.verdict, made.row.granted_digest) == (True, verdict, None)
    for digest in (row.digest, "e", ""):
        call: dict[str, Any] = {"digest": digest, "tool": row.tool, "args_json": row.args_json, "idempotency_key": "k"}
        with pytest.raises(LedgerError, match="no yes to it is on file"):
            await ledger.reserve("run-1", row.call_id, **call, ask_id=row.ask_id)
        attempt = Attempt(run_id="run-1", call_id=row.call_id, digest=digest, at=START)
        assert fault_of(await ledger.approval(row.ask_id, attempt), attempt)
    assert await ledger.effects_of("run-1") == []


async def test_it_is_no_evidence_of_what_people_allow(ledger: Ledger, run_id: str) -> None:
    row = await planted_one(ledger)
    await ledger.decide_ask(row.ask_id, "denied", by="ada", via="cli")
    assert not [one for one in await ledger.approvals_asked("night-owl", START - timedelta(days=1)) if one.planted]


async def test_it_is_listed_once_it_is_decided(ledger: Ledger, run_id: str) -> None:
    row = await planted_one(ledger)
    assert await ledger.planted_decided() == []
    await ledger.decide_ask(row.ask_id, "denied", by="ada", via="cli")
    assert [one.ask_id for one in await ledger.planted_decided("night-owl")] == [row.ask_id]
    assert await ledger.planted_decided("day-owl") == []
    assert (await ledger.verify_chain()).ok


@settings(max_examples=5)
@given(
    sizes=st.lists(st.integers(1, 12), min_size=30, max_size=60),
    share=st.sampled_from([0.005, 0.01, 0.02]),
    lucky=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_the_share_holds_after_every_round(
    blank_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sizes: list[int], share: float, lucky: bool, seed: int
) -> None:
    path = tmp_path_factory.mktemp("share") / "ledger.db"
    copy(blank_sqlite, path)
    asyncio.run(_rounds(path, sizes, share, Random(seed), lucky=lucky))


async def _rounds(path: Path, sizes: list[int], share: float, draw: Random, *, lucky: bool) -> None:
    asked = 0
    async with Ledger.open(f"sqlite+aiosqlite:///{path}", clock=lambda: START) as ledger:
        await ledger.start_run("run-1", agent="night-owl", slot=None, **RUN)
        for number, size in enumerate(sizes):
            test = planted(number) if lucky or draw.random() < chance(share, size) else None
            await ledger.open_round([real(asked + n) for n in range(size)], test, share)
            asked += size
            rows = await ledger.asks_of("run-1")
            tests = [row for row in rows if row.planted]
            assert len(tests) <= share * len(rows)
            for row in tests:
                if row.verdict is None:
                    await ledger.decide_ask(row.ask_id, "denied", by="ada", via="cli")
        if lucky:
            assert len(tests) + 1 > share * (len(rows) + 1) - share * 12 - 1
