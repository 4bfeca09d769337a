"""Effects: reserve -> execute -> consume. Whatever happens in between, nothing is executed twice unseen."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from midwatch.errors import LedgerError
from midwatch.ledger import Ledger, Reservation


async def reserve(ledger: Ledger, call_id: str = "c1", digest: str = "d1", **more: Any) -> Reservation:
    call = {"tool": "send_mail", "args_json": '{"to":"ops"}', "idempotency_key": f"run-1::{call_id}"}
    return await ledger.reserve("run-1", call_id, digest=digest, **{**call, **more})


@pytest.fixture(autouse=True)
def _started(run_id: str) -> None:
    """Every effect here belongs to run-1."""


async def test_the_first_to_reserve_may_execute(ledger: Ledger) -> None:
    reservation = await reserve(ledger)
    assert (reservation.state, reservation.idempotency_key) == ("reserved", "run-1::c1")


async def test_a_consumed_effect_gives_back_its_result(ledger: Ledger) -> None:
    effect_id = (await reserve(ledger)).effect_id
    await ledger.consume(effect_id, '{"sent":true}')
    again = await reserve(ledger)
    assert (again.state, again.effect_id, again.result_json) == ("consumed", effect_id, '{"sent":true}')


async def test_a_reservation_that_nobody_consumed_is_in_doubt(ledger: Ledger) -> None:
    first = await reserve(ledger)
    again = await reserve(ledger)
    assert (again.state, again.effect_id, again.why) == ("in_doubt", first.effect_id, "")


async def test_a_released_effect_may_be_tried_once_more(ledger: Ledger) -> None:
    effect_id = (await reserve(ledger)).effect_id
    await ledger.release(effect_id)
    assert [(await reserve(ledger)).state for _ in range(2)] == ["reserved", "in_doubt"]
    (effect,) = await ledger.effects_of("run-1")
    assert (effect.state, effect.attempts) == ("reserved", 2)


async def test_an_unknown_effect_stays_in_doubt_with_its_reason(ledger: Ledger) -> None:
    effect_id = (await reserve(ledger)).effect_id
    await ledger.mark_unknown(effect_id, "the mail server does not answer")
    await ledger.mark_unknown(effect_id, "said again")
    again = await reserve(ledger)
    assert (again.state, again.why) == ("in_doubt", "the mail server does not answer")


async def test_what_a_tool_says_about_taking_it_back_stands_beside_its_result(ledger: Ledger) -> None:
    await ledger.consume((await reserve(ledger)).effect_id, "{}", undo="ask ops to ignore the mail")
    assert [effect.undo for effect in await ledger.effects_of("run-1")] == ["ask ops to ignore the mail"]


async def test_another_call_under_the_same_id_is_refused(ledger: Ledger) -> None:
    await reserve(ledger, digest="d1")
    with pytest.raises(LedgerError, match="needs an id of its own"):
        await reserve(ledger, digest="d2")


async def test_consuming_twice_changes_nothing_and_another_result_is_refused(ledger: Ledger) -> None:
    effect_id = (await reserve(ledger)).effect_id
    for _ in range(2):
        await ledger.consume(effect_id, '"half \ud800"')
    with pytest.raises(LedgerError, match="is consumed; it cannot become consumed"):
        await ledger.consume(effect_id, '"other"')


async def test_what_has_happened_is_not_undone(ledger: Ledger) -> None:
    effect_id = (await reserve(ledger)).effect_id
    await ledger.consume(effect_id, "{}")
    with pytest.raises(LedgerError, match="is consumed; it cannot become released"):
        await ledger.release(effect_id)
    with pytest.raises(LedgerError, match="is consumed; it cannot become unknown"):
        await ledger.mark_unknown(effect_id, "why")


async def test_what_was_released_must_be_reserved_before_it_is_consumed(ledger: Ledger) -> None:
    effect_id = (await reserve(ledger)).effect_id
    await ledger.release(effect_id)
    with pytest.raises(LedgerError, match="is released; it cannot become consumed"):
        await ledger.consume(effect_id, "{}")


async def test_an_effect_that_is_not_there_cannot_be_settled(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no effect 404"):
        await ledger.consume(404, "{}")


async def test_no_effect_starts_in_a_run_that_has_ended(ledger: Ledger) -> None:
    await ledger.finish_run("run-1", outcome="failed", reason="stopped")
    with pytest.raises(LedgerError, match="ended as 'failed'; no effect may start"):
        await reserve(ledger)


async def test_of_many_at_once_exactly_one_may_execute(ledger: Ledger) -> None:
    states = [reservation.state for reservation in await asyncio.gather(*(reserve(ledger) for _ in range(20)))]
    assert sorted(states) == ["in_doubt"] * 19 + ["reserved"]


async def test_a_cancelled_caller_leaves_all_or_nothing(ledger: Ledger) -> None:
    tasks = [asyncio.create_task(reserve(ledger, f"c{number}")) for number in range(8)]
    for turns, task in enumerate(tasks):
        for _ in range(turns * 3):
            await asyncio.sleep(0)
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert (await reserve(ledger, "after")).state == "reserved"
    reserved = len(await ledger.effects_of("run-1"))
    assert await ledger.verify_chain() == await ledger.verify_chain()
    assert (await ledger.verify_chain()).rows == reserved + 1


async def test_the_effects_of_a_run_are_read_on_from_where_they_were_read_last(ledger: Ledger, run_id: str) -> None:
    ids = []
    for number in range(4):
        call: dict[str, Any] = {"digest": "d", "tool": "pay", "args_json": "{}", "idempotency_key": f"k{number}"}
        ids.append((await ledger.reserve(run_id, f"c{number}", **call)).effect_id)
    assert [row.effect_id for row in await ledger.effects_of(run_id)] == ids
    assert [row.effect_id for row in await ledger.effects_of(run_id, after=ids[2], again=[ids[0]])] == [ids[0], ids[3]]
    assert await ledger.effects_of(run_id, after=ids[3]) == []
