"""Halts: from the commit on no effect of what they cover begins, on either database."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from itertools import count

import pytest

from midwatch.errors import Halted, LedgerError
from midwatch.halt import Target
from midwatch.ledger import Ledger, Reservation
from tests.midwatch.ledger.conftest import START, FakeClock

SAID = {"by": "anna", "via": "cli", "because": "it spends"}


async def reserve(ledger: Ledger, call_id: str = "c1", run_id: str = "run-1") -> Reservation:
    return await ledger.reserve(run_id, call_id, digest="d", tool="t", args_json="{}", idempotency_key=f"k{call_id}")


@pytest.mark.parametrize("target", Target.around("night-owl", "run-1"), ids=lambda target: target.scope)
async def test_no_effect_begins_of_what_is_halted(ledger: Ledger, run_id: str, target: Target) -> None:
    await ledger.halt(target, **SAID)
    with pytest.raises(Halted, match=r"was halted by anna \(cli\) at 2026-03-01 03:00:00 UTC: it spends"):
        await reserve(ledger)
    assert await ledger.effects_of(run_id) == []


@pytest.mark.parametrize("target", Target.around("lark", "run-2")[1:], ids=lambda target: target.scope)
async def test_a_halt_of_another_agent_or_run_stops_nothing(ledger: Ledger, run_id: str, target: Target) -> None:
    await ledger.halt(target, **SAID)
    assert (await reserve(ledger)).state == "reserved"
    assert await ledger.halt_of("night-owl", run_id) is None


@pytest.mark.usefixtures("run_id")
async def test_what_an_earlier_life_left_is_not_taken_up_during_a_halt(ledger: Ledger) -> None:
    first = await reserve(ledger)
    await ledger.release((await reserve(ledger, "c2")).effect_id)
    await ledger.halt(Target.of("night-owl"), **SAID)
    for call_id in ("c1", "c2"):
        with pytest.raises(Halted):
            await reserve(ledger, call_id)
    await ledger.lift_halt(Target.of("night-owl"), **SAID)
    assert (await reserve(ledger)).effect_id == first.effect_id
    assert (await reserve(ledger, "c2")).state == "reserved"


@pytest.mark.usefixtures("run_id")
async def test_every_reservation_is_before_the_halt_or_refused(ledger: Ledger, url: str) -> None:
    async def until_refused(store: Ledger, worker: int) -> int:
        for number in count():  # SQLite gives its lock to whoever asks at the right moment: the halt may come late
            try:
                await reserve(store, f"{worker}.{number}")
            except Halted:
                return number
        raise AssertionError("nobody counts so far")

    async with Ledger.open(url) as other, Ledger.open(url) as third:
        working = [asyncio.create_task(until_refused(store, n)) for n, store in enumerate((ledger, other))]
        await asyncio.sleep(0)
        await third.halt(Target.of(), **SAID)
        begun = len(await third.effects_of("run-1"))
        assert sum(await asyncio.gather(*working)) == begun == len(await third.effects_of("run-1"))


@pytest.mark.usefixtures("run_id")
async def test_the_first_halt_stands_and_one_lifting_ends_it(ledger: Ledger, clock: FakeClock) -> None:
    first = await ledger.halt(Target.of("night-owl"), **SAID)
    clock.forward(minutes=1)
    assert await ledger.halt(Target.of("night-owl"), by="ben", via="page", because="too") == first
    assert await ledger.lift_halt(Target.of("night-owl"), by="ben", via="cli", because="mended") == first
    assert await ledger.lift_halt(Target.of("night-owl"), by="ben", via="cli", because="mended") is None
    (row,) = await ledger.halts_since()
    assert (row.halt.by, row.lifted_by, row.lifted_because) == ("anna", "ben", "mended")
    assert row.lifted_at == START + timedelta(minutes=1)


async def test_one_lifting_leaves_the_other_halts(ledger: Ledger, run_id: str) -> None:
    for target in Target.around("night-owl", run_id):
        await ledger.halt(target, **SAID)
    await ledger.lift_halt(Target.of(), **SAID)
    assert [halt.scope for halt in await ledger.halts_in_force()] == ["agent", "run"]
    with pytest.raises(Halted, match="agent night-owl"):
        await reserve(ledger)


async def test_a_halt_without_a_reason_or_a_name_is_refused(ledger: Ledger) -> None:
    for missing in ("by", "because"):
        with pytest.raises(LedgerError, match="who halts everything, and why"):
            await ledger.halt(Target.of(), **{**SAID, missing: " "})
        with pytest.raises(LedgerError, match="who lifts the halt of everything, and why"):
            await ledger.lift_halt(Target.of(), **{**SAID, missing: ""})
    assert await ledger.halts_in_force() == []


async def test_the_halt_of_a_run_ends_with_the_run_and_others_do_not(ledger: Ledger, run_id: str) -> None:
    for target in (Target.of("night-owl"), Target.of(run_id=run_id)):
        await ledger.halt(target, **SAID)
    await ledger.finish_run(run_id, outcome="blocked", reason="halted")
    assert [halt.scope for halt in await ledger.halts_in_force()] == ["agent"]
    assert (await ledger.halts_since())[0].lifted_because == "the run ended as blocked"


async def test_what_was_in_force_since_a_moment_is_found(ledger: Ledger, clock: FakeClock) -> None:
    await ledger.halt(Target.of("a"), **SAID)
    await ledger.lift_halt(Target.of("a"), **SAID)
    await ledger.halt(Target.of("b"), **SAID)
    clock.forward(hours=1)
    assert [row.halt.name for row in await ledger.halts_since(START + timedelta(minutes=1))] == ["b"]
    assert [row.halt.name for row in await ledger.halts_since(START)] == ["b", "a"]


async def test_halts_stand_in_the_journal(ledger: Ledger, run_id: str) -> None:
    await ledger.halt(Target.of(run_id=run_id), **SAID)
    await ledger.lift_halt(Target.of(run_id=run_id), **SAID)
    await ledger.halt(Target.of(run_id="not-there-yet"), **SAID)
    assert (await ledger.verify_chain()).ok


async def test_the_last_self_test_and_the_last_that_held_are_known(ledger: Ledger, clock: FakeClock) -> None:
    assert await ledger.latest_halt_check() is None
    held = await ledger.record_halt_check(held=True, detail="it bites")
    clock.forward(days=1)
    broken = await ledger.record_halt_check(held=False, detail="an effect passed")
    assert await ledger.latest_halt_check() == broken
    assert await ledger.latest_halt_check(held=True) == held
