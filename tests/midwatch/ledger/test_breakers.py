"""Breakers: every transition is made once, whoever makes it, and the journal knows."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import text

from midwatch.breaker import Row
from midwatch.judgment import Loop
from midwatch.ledger import Ask, BreakerRow, Ledger
from midwatch.outcome import Outcome
from tests.midwatch.ledger.conftest import START, FakeClock

HOUR = timedelta(hours=1)
WHY = Row(cause="failed: no", failures=3)


async def ended(ledger: Ledger, run: str, outcome: Outcome = "failed", reason: str = "no", agent: str = "owl") -> str:
    facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run(run, agent=agent, cause="schedule", started_at=START, **facts)
    await ledger.finish_run(run, outcome=outcome, reason=reason)
    return run


async def opened(ledger: Ledger, clock: FakeClock) -> BreakerRow:
    clock.forward(seconds=1)
    run = await ended(ledger, f"run {clock.now}")
    assert await ledger.open_breaker("owl", WHY, last_run=run, probe_at=clock.now + HOUR)
    return await standing(ledger)


async def standing(ledger: Ledger) -> BreakerRow:
    row = await ledger.breaker("owl")
    assert row is not None
    return row


async def kinds(ledger: Ledger) -> list[str]:
    query = text("SELECT kind FROM journal WHERE kind LIKE 'breaker%' ORDER BY seq")
    return list(await ledger.read(lambda tx: tx.connection.execute(query).scalars().all()))


async def test_an_agent_that_never_failed_is_let_in_and_has_no_breaker(ledger: Ledger) -> None:
    assert await ledger.breaker("owl") is None
    assert await ledger.admitted("owl", "r1") is None
    assert not await ledger.close_breaker("owl", by="anna", because="for fun")


async def test_it_opens_once_holds_off_and_half_opens_when_its_time_has_come(ledger: Ledger, clock: FakeClock) -> None:
    row = await opened(ledger, clock)
    assert (row.state, row.openings, row.settled) == ("open", 1, False)
    assert not await ledger.open_breaker("owl", WHY, last_run=row.last_run, probe_at=clock.now)
    held = await ledger.admitted("owl", "r2")
    assert held is not None
    assert held.words().startswith(
        "the breaker of this agent is open since 2026-03-01 03:00 UTC: 3 runs in a row did not end well"
    )
    assert not await ledger.half_open("owl")
    clock.forward(hours=1)
    assert await ledger.half_open("owl")
    assert not await ledger.half_open("owl")


async def test_of_many_at_once_one_opens_one_half_opens_and_one_run_is_the_probe(
    ledger: Ledger, clock: FakeClock
) -> None:
    run = await ended(ledger, "r1")
    opening = [ledger.open_breaker("owl", WHY, last_run=run, probe_at=clock.now) for _ in range(8)]
    assert sum(await asyncio.gather(*opening)) == 1
    assert sum(await asyncio.gather(*(ledger.half_open("owl") for _ in range(8)))) == 1
    let_in = await asyncio.gather(*(ledger.admitted("owl", f"probe {n}") for n in range(8)))
    assert sum(row is None for row in let_in) == 1
    probe = (await standing(ledger)).probe_run
    assert await ledger.admitted("owl", str(probe)) is None
    assert await kinds(ledger) == ["breaker_opened", "breaker_half_opened", "breaker_probed"]


async def test_a_probe_that_fails_opens_it_again_and_one_that_does_not_closes_it(
    ledger: Ledger, clock: FakeClock
) -> None:
    row = await opened(ledger, clock)
    clock.forward(hours=1)
    await ledger.half_open("owl")
    await ledger.admitted("owl", "p1")
    again: dict[str, Any] = {"cause": "failed: no", "probe_at": clock.now + 2 * HOUR}
    assert not await ledger.reopen("owl", "another", **again)
    assert await ledger.reopen("owl", "p1", **again)
    assert not await ledger.reopen("owl", "p1", **again)
    second = await standing(ledger)
    assert (second.state, second.openings, second.opened_at, second.last_run) == ("open", 2, row.opened_at, "p1")
    clock.forward(hours=2)
    await ledger.half_open("owl")
    await ledger.admitted("owl", "p2")
    assert not await ledger.close_breaker("owl", by="run p1", because="late", probe_run="p1")
    assert await ledger.close_breaker("owl", by="run p2", because="verified", probe_run="p2")
    assert await ledger.admitted("owl", "r9") is None
    assert (await ledger.verify_chain()).ok


async def test_a_probe_is_put_off_once_and_not_when_another_was_let_in(ledger: Ledger, clock: FakeClock) -> None:
    await opened(ledger, clock)
    for probe in (None, "p1"):
        clock.forward(hours=1)
        await ledger.half_open("owl")
        if probe:
            await ledger.admitted("owl", probe)
            assert not await ledger.put_off("owl", None, probe_at=clock.now + HOUR)
        assert await ledger.put_off("owl", probe, probe_at=clock.now + HOUR)
        assert not await ledger.put_off("owl", probe, probe_at=clock.now + HOUR)
        row = await standing(ledger)
        assert (row.state, row.openings, row.probe_run, row.probe_at) == ("open", 1, None, clock.now + HOUR)


async def test_what_failed_before_it_was_closed_does_not_open_it_again(ledger: Ledger, clock: FakeClock) -> None:
    row = await opened(ledger, clock)
    clock.forward(seconds=1)
    assert await ledger.close_breaker("owl", by="anna", because="mended")
    assert not await ledger.open_breaker("owl", WHY, last_run=row.last_run, probe_at=clock.now)
    assert await ledger.ended_runs("owl", limit=5, after=(await standing(ledger)).closed_at) == []
    assert (await opened(ledger, clock)).closed_at is None


async def test_only_what_it_paused_itself_is_on_its_list_and_goes_off_it_when_prefect_knows(
    ledger: Ledger, clock: FakeClock
) -> None:
    await opened(ledger, clock)
    assert await ledger.breaker_pauses("owl", ["d2", "d1"])
    assert not await ledger.breaker_settled("owl", "closed")
    assert await ledger.breaker_settled("owl", "open")
    assert ((await standing(ledger)).paused, (await standing(ledger)).settled) == (("d1", "d2"), True)
    await ledger.close_breaker("owl", by="anna", because="mended")
    assert not await ledger.breaker_pauses("owl", ["d3"])
    assert ((await standing(ledger)).paused, (await standing(ledger)).settled) == (("d1", "d2"), False)
    assert await ledger.breaker_settled("owl", "closed")
    assert ((await standing(ledger)).paused, (await standing(ledger)).settled) == ((), True)


async def test_runs_that_say_nothing_about_the_agent_are_not_counted(ledger: Ledger, clock: FakeClock) -> None:
    endings: list[tuple[Outcome, str, Loop]] = [
        ("failed", "no", "error"),
        ("blocked", "it is open", "held_off"),
        ("blocked", "everything was halted", "halted"),
        ("blocked", "out of budget: 10 of 10 runs used today", "no_budget"),
        ("blocked", "owl stands at level 2", "denied"),
        ("blocked", "`pay` was refused by a person", "finished"),
        ("verified", "", "finished"),
        ("verified_noop", "there was rightly nothing to do", "nothing_to_do"),
        ("blocked", "it was cancelled in Prefect", "cancelled"),
    ]
    for number, (outcome, reason, ending) in enumerate(endings):
        clock.forward(seconds=1)
        await ended_after_a_no(ledger, f"r{number}", outcome, reason, ending)
    assert [run.cause for run in await ledger.ended_runs("owl", limit=5)] == [None, "failed: no"]
    counted = [number for number in range(9) if await ledger.counted_run(f"r{number}") is not None]
    assert counted == [0, 6]
    assert await ledger.counted_run("never") is None
    assert await ledger.agents_ended_since(clock.now) == ["owl"]
    assert await ledger.agents_ended_since(clock.now + HOUR) == []


async def ended_after_a_no(ledger: Ledger, run: str, outcome: Outcome, reason: str, ending: Loop) -> None:
    facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run(run, agent="owl", cause="schedule", started_at=START, **facts)
    if "a person" in reason:
        texts: dict[str, Any] = dict.fromkeys(("rule", "reason", "words"), "")
        call: dict[str, Any] = {"call_id": "main/1", "tool": "pay", "digest": "d", "args_json": "{}", "kind": "approve"}
        ask = Ask(ask_id=f"{run}:1", run_id=run, created_at=START, deadline=None, **call, **texts)
        await ledger.open_ask(ask)
        await ledger.decide_ask(f"{run}:1", "denied", by="anna", via="cli")
    await ledger.finish_run(run, outcome=outcome, reason=reason, ending=ending)
