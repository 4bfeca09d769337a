"""Budgets: what is drawn together never passes the limit, whoever races; what did not happen gives back what it drew."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from midwatch.decision import Decision
from midwatch.errors import WindowFull
from midwatch.ledger import Decided, Ledger
from midwatch.window import Draw, Window

DAY = Window(rule="allow.small", measure="amount EUR", most=Decimal(500), length=timedelta(hours=24), per="24 h")
CALLS = Window(rule="allow.searches", measure="calls", most=Decimal(2), length=timedelta(days=7), per="7 days")
Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def _started(run_id: str) -> None:
    """Every call here belongs to run-1, of night-owl."""


async def pay(ledger: Ledger, call_id: str, amount: str, *, held: bool = True, run_id: str = "run-1") -> int:
    draw = Draw(window=DAY, amount=Decimal(amount), held=held)
    effect: dict[str, Any] = {"digest": "d", "tool": "pay", "args_json": "{}", "idempotency_key": f"k{call_id}"}
    return (await ledger.reserve(run_id, call_id, **effect, taken=[draw])).effect_id


async def spent(ledger: Ledger, clock: Any, window: Window = DAY, *, agent: str = "night-owl", but: str = "") -> str:
    found = await ledger.spent_in(agent, [window], clock(), run_id="run-1", call_id=but)
    return f"{found[window.rule]:f}"


async def test_what_is_reserved_is_spent_exactly(ledger: Ledger, clock: Any) -> None:
    await pay(ledger, "a", "0.1")
    await pay(ledger, "b", "0.2")
    await pay(ledger, "c", "0.1")
    assert await spent(ledger, clock) == "0.4"
    assert await spent(ledger, clock, but="b") == "0.2"
    assert await spent(ledger, clock, agent="day-owl") == "0"


async def test_a_full_window_reserves_nothing_and_says_how_much_is_spent(ledger: Ledger, clock: Any) -> None:
    await pay(ledger, "a", "412.50")
    with pytest.raises(WindowFull, match=r"412.50 of 500 in 24 h are spent; this call takes 100"):
        await pay(ledger, "b", "100")
    assert [row.call_id for row in await ledger.effects_of("run-1")] == ["a"]
    await pay(ledger, "c", "87.50")
    assert await spent(ledger, clock) == "500.00"


async def test_what_a_person_said_yes_to_is_counted_and_not_held_back(ledger: Ledger, clock: Any) -> None:
    await pay(ledger, "a", "1000", held=False)
    assert await spent(ledger, clock) == "1000"
    with pytest.raises(WindowFull):
        await pay(ledger, "b", "1")


async def test_the_window_slides(ledger: Ledger, clock: Any) -> None:
    await pay(ledger, "a", "300")
    clock.forward(hours=12)
    await pay(ledger, "b", "200")
    clock.forward(hours=11, minutes=59)
    assert await spent(ledger, clock) == "500"
    clock.forward(minutes=1)
    assert await spent(ledger, clock) == "200"
    await pay(ledger, "c", "300")


async def test_a_clock_that_was_ahead_gives_nothing_back(ledger: Ledger, clock: Any) -> None:
    clock.forward(days=1)
    await pay(ledger, "a", "500")
    clock.forward(days=-1)
    assert await spent(ledger, clock) == "500"


async def test_a_replayed_call_draws_once(ledger: Ledger, clock: Any) -> None:
    for _ in range(2):
        await pay(ledger, "a", "300")
    assert await spent(ledger, clock) == "300"


async def test_what_did_not_happen_gives_back_and_draws_again_when_it_is_tried_again(
    ledger: Ledger, clock: Any
) -> None:
    effect_id = await pay(ledger, "a", "300")
    await ledger.release(effect_id)
    assert await spent(ledger, clock) == "0"
    await pay(ledger, "b", "300")
    with pytest.raises(WindowFull):
        await pay(ledger, "a", "300")
    assert [row.state for row in await ledger.effects_of("run-1")] == ["released", "reserved"]


async def test_what_nobody_can_tell_of_stays_drawn_until_a_person_says_that_it_did_not_happen(
    ledger: Ledger, clock: Any
) -> None:
    await ledger.mark_unknown(await pay(ledger, "a", "300"), "it timed out")
    assert await spent(ledger, clock) == "300"
    (question,) = await ledger.open_asks()
    await ledger.settle_effect(question.ask_id, "did_not_happen", by="operator", via="cli", reason="not on the account")
    assert await spent(ledger, clock) == "0"


async def test_a_tool_that_certainly_did_nothing_gives_back(ledger: Ledger, clock: Any) -> None:
    effect_id = await pay(ledger, "a", "300")
    await ledger.record_step(
        "run-1", "s", kind="tool", name="pay", result_json="{}", effect_id=effect_id, did_nothing=True
    )
    assert await spent(ledger, clock) == "0"
    assert (await ledger.effects_of("run-1"))[0].state == "consumed"


async def test_another_measure_is_another_count(ledger: Ledger, clock: Any) -> None:
    await pay(ledger, "a", "300")
    dollars = Window(rule=DAY.rule, measure="amount USD", most=DAY.most, length=DAY.length, per=DAY.per)
    assert await spent(ledger, clock, dollars) == "0"


def look_up(call_id: str) -> Decided:
    decision = Decision(verdict="allow", rule="allow.searches", reason="r")
    return Decided(position=f"main/gate/{call_id}", tool="search", args_json="{}", digest="d", decision=decision)


async def test_calls_that_are_no_effects_are_counted_before_they_run(ledger: Ledger, clock: Any) -> None:
    draw = Draw(window=CALLS, amount=Decimal(1), held=True)
    for call_id in ("a", "a", "b"):
        await ledger.draw("run-1", call_id, [draw], look_up(call_id))
    with pytest.raises(WindowFull, match="2 of 2 in 7 days are spent; this call takes 1"):
        await ledger.draw("run-1", "c", [draw], look_up("c"))
    assert await spent(ledger, clock, CALLS) == "2"
    assert len(await ledger.decisions_of("run-1")) == 2


async def test_every_draw_stands_in_the_journal(ledger: Ledger) -> None:
    await ledger.release(await pay(ledger, "a", "300"))
    report = await ledger.verify_chain()
    assert (report.ok, report.rows) == (True, 5)


RACE = """
import asyncio, json, sys
from datetime import timedelta
from decimal import Decimal
from midwatch.errors import WindowFull
from midwatch.ledger import Ledger
from midwatch.window import Draw, Window

DAY = Window(rule="allow.small", measure="amount EUR", most=Decimal(500), length=timedelta(hours=24), per="24 h")

async def race(url, me):
    async with Ledger.open(url) as ledger:
        run = dict(cause="event", slot=me, level=4, asked_level=None, input={}, fingerprint="f")
        await ledger.migrate()
        from datetime import UTC, datetime
        await ledger.start_run(me, agent="night-owl", started_at=datetime.now(UTC), **run)
        print("ready", flush=True)
        sys.stdin.readline()
        paid = Decimal(0)
        for number in range(40):
            amount = Decimal("7.77") + number
            draw = Draw(window=DAY, amount=amount, held=True)
            call = dict(digest="d", tool="pay", args_json="{}", idempotency_key=f"{me}{number}")
            try:
                await ledger.reserve(me, f"c{number}", taken=[draw], **call)
                paid += amount
            except WindowFull:
                pass
        print(json.dumps(str(paid)), flush=True)

asyncio.run(race(*sys.argv[1:]))
"""


async def test_two_processes_together_never_pass_the_limit(ledger: Ledger, url: str, spawn: Spawn) -> None:
    racers = [spawn(RACE, url, me) for me in ("one", "other")]
    said = [await asyncio.to_thread(racer.stdout.readline) for racer in racers if racer.stdout]
    assert said == ["ready\n", "ready\n"]
    for racer in racers:
        assert racer.stdin is not None
        racer.stdin.write("go\n")
        racer.stdin.flush()
    paid = [Decimal(json.loads(await asyncio.to_thread(racer.stdout.readline))) for racer in racers if racer.stdout]
    assert Decimal(400) < sum(paid) <= Decimal(500)
    assert (await ledger.verify_chain()).ok
