"""Digests: one a person and day, from the end of the last one; each place takes it once."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from midwatch.ledger import Ledger
from tests.midwatch.ledger.conftest import START, FakeClock

TODAY = START.date()


async def test_the_first_digest_is_about_a_day_and_the_next_begins_where_it_ended(
    ledger: Ledger, clock: FakeClock
) -> None:
    first = await ledger.begin_digest("anna", TODAY)
    assert (first.since, first.until) == (START - timedelta(hours=24), START)
    clock.forward(days=3, hours=1)
    second = await ledger.begin_digest("anna", TODAY + timedelta(days=3))
    assert (second.since, second.until) == (START, clock.now)
    assert (await ledger.last_digest("anna")) == second
    assert (await ledger.begin_digest("bela", TODAY + timedelta(days=3))).since == clock.now - timedelta(hours=24)


async def test_whoever_begins_it_again_on_that_day_gets_the_same_one(ledger: Ledger, clock: FakeClock) -> None:
    first = await ledger.begin_digest("", TODAY)
    clock.forward(hours=2)
    many = await asyncio.gather(*(ledger.begin_digest("", TODAY) for _ in range(5)))
    assert set(many) == {first}


async def test_one_that_is_wanted_again_tells_the_whole_day_anew(ledger: Ledger, clock: FakeClock) -> None:
    first = await ledger.begin_digest("", TODAY)
    clock.forward(hours=2)
    again = await ledger.begin_digest("", TODAY, again=True)
    assert (again.number, again.until) == (2, clock.now)
    assert again.since == clock.now - timedelta(hours=24)
    assert await ledger.begin_digest("", TODAY) == again
    clock.forward(days=1)
    tomorrow = await ledger.begin_digest("", TODAY + timedelta(days=1))
    assert (tomorrow.since, tomorrow.digest_id != first.digest_id) == (again.until, True)


async def test_a_place_that_has_it_is_not_sent_it_again(ledger: Ledger) -> None:
    made = (await ledger.begin_digest("", TODAY)).digest_id
    assert await ledger.claim_delivery(made, "slack") == "yours"
    assert await ledger.claim_delivery(made, "slack") == "in_doubt"
    await ledger.delivery_taken(made, "slack", "slack C0")
    assert await ledger.claim_delivery(made, "slack") == "taken"
    await ledger.delivery_refused(made, "slack", "too late")
    (row,) = await ledger.deliveries_of(made)
    assert (row.state, row.taken_by, row.fault) == ("taken", "slack C0", "")
    assert await ledger.claim_delivery(made, "artifact") == "yours"


async def test_what_was_refused_may_be_tried_again(ledger: Ledger) -> None:
    made = (await ledger.begin_digest("", TODAY)).digest_id
    await ledger.claim_delivery(made, "channels")
    await ledger.delivery_refused(made, "channels", "nobody took it")
    assert [row.fault for row in await ledger.deliveries_of(made)] == ["nobody took it"]
    assert await ledger.claim_delivery(made, "channels") == "yours"


async def test_one_of_many_delivers(ledger: Ledger) -> None:
    made = (await ledger.begin_digest("", TODAY)).digest_id
    claims = await asyncio.gather(*(ledger.claim_delivery(made, "artifact") for _ in range(6)))
    assert sorted(claims) == ["in_doubt"] * 5 + ["yours"]
    assert (await ledger.verify_chain()).ok
