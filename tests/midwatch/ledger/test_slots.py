"""Slots: each is claimed once or closed once, whoever looks, and never both."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

import pytest

from midwatch.ledger import Due, Ledger, SlotRow
from midwatch.slots import Account, Around, Stopped, slot_name
from midwatch.triggers import SchedulePolicy
from tests.midwatch.ledger.conftest import START, FakeClock
from tests.midwatch.ledger.test_breakers import ended

HOUR = timedelta(hours=1)
POLICY = SchedulePolicy()


def due(since: datetime | None, *instants: datetime, until: datetime = START) -> Due:
    return Due(since=since, until=until, instants=instants)


async def entered(ledger: Ledger, *instants: datetime) -> None:
    assert await ledger.account_slots("owl", due(None, *instants), POLICY, Around(now=START))


async def the_slot(ledger: Ledger, instant: datetime) -> SlotRow:
    row = await ledger.slot("owl", slot_name(instant))
    assert row is not None
    return row


async def test_a_due_slot_is_claimed_by_one_run_of_many(ledger: Ledger) -> None:
    await entered(ledger, START)
    runs = [f"r{number}" for number in range(8)]
    claims = await asyncio.gather(*(ledger.claim_slot("owl", slot_name(START), run, START) for run in runs))
    assert sum(claim.won for claim in claims) == 1
    assert {claim.holder for claim in claims} == {(await the_slot(ledger, START)).run_id}
    assert (await the_slot(ledger, START)).state == "ran"


async def test_a_slot_that_is_closed_is_claimed_by_nobody(ledger: Ledger) -> None:
    await entered(ledger, START)
    closed = Account(instant=START, state="skipped", why="overlap", reason="run r1 was still going")
    assert await ledger.close_slot("owl", closed)
    claim = await ledger.claim_slot("owl", slot_name(START), "r2", START)
    assert (claim.won, claim.holder, claim.state, claim.reason) == (False, "", "skipped", "run r1 was still going")


async def test_a_slot_that_is_claimed_is_closed_by_nobody(ledger: Ledger) -> None:
    await entered(ledger, START)
    assert (await ledger.claim_slot("owl", slot_name(START), "r1", START)).won
    assert not await ledger.close_slot("owl", Account(instant=START, state="missed", why="asleep", reason="late"))
    assert (await ledger.claim_slot("owl", slot_name(START), "r1", START)).won
    assert (await the_slot(ledger, START)).state == "ran"


async def test_a_run_that_came_before_the_look_keeps_its_slot(ledger: Ledger) -> None:
    assert (await ledger.claim_slot("owl", slot_name(START), "r1", START)).won
    await entered(ledger, START)
    row = await the_slot(ledger, START)
    assert (row.state, row.run_id) == ("ran", "r1")
    assert await ledger.waiting_slots() == {}


async def test_of_two_that_look_at_once_one_enters_and_decides(ledger: Ledger) -> None:
    looks = [ledger.account_slots("owl", due(None, START), POLICY, Around(now=START)) for _ in range(4)]
    assert sum(found is not None for found in await asyncio.gather(*looks)) == 1
    assert await ledger.slot_looked("owl") == START


async def test_what_was_slept_through_is_caught_up_by_its_run(ledger: Ledger, clock: FakeClock) -> None:
    await entered(ledger)
    later = clock.forward(hours=5)
    slept = due(START, START + HOUR, START + 2 * HOUR, until=later)
    found = await ledger.account_slots("owl", slept, POLICY, Around(now=later, away_since=START))
    assert found is not None
    assert [(one.state, one.why) for one in found.changed] == [("missed", "asleep"), ("late", "asleep")]
    assert [one.instant for one in found.waiting] == [START + 2 * HOUR]
    assert (await ledger.claim_slot("owl", slot_name(START + 2 * HOUR), "r1", START + 2 * HOUR)).won
    await ended(ledger, "r1")
    rows = await ledger.slots_between("owl", START, later)
    assert [(row.state, row.run_id, row.outcome) for row in rows] == [
        ("missed", "", None),
        ("caught_up", "r1", "failed"),
    ]


async def test_what_a_breaker_holds_off_is_skipped_at_once(ledger: Ledger) -> None:
    held = Due(since=None, until=START, held=(START,))
    why = Stopped(why="breaker", reason="the breaker of this agent is open")
    assert await ledger.account_slots("owl", held, POLICY, Around(now=START), why)
    row = await the_slot(ledger, START)
    assert (row.state, row.why, row.reason) == ("skipped", "breaker", why.reason)


async def test_only_the_run_that_has_the_slot_gives_it_up(ledger: Ledger) -> None:
    await ledger.claim_slot("owl", slot_name(START), "r1", START)
    low = Stopped(why="level", reason="owl stands at level 2")
    assert not await ledger.refuse_slot("owl", slot_name(START), "r2", low)
    assert await ledger.refuse_slot("owl", slot_name(START), "r1", low)
    row = await the_slot(ledger, START)
    assert (row.state, row.why, row.run_id) == ("skipped", "level", "r1")
    assert (await ledger.claim_slot("owl", slot_name(START), "r1", START)).won


async def test_every_change_is_in_the_journal_and_a_look_that_finds_nothing_is_not(ledger: Ledger) -> None:
    await entered(ledger, START)
    before = (await ledger.verify_chain()).rows
    assert await ledger.account_slots("owl", due(START, until=START + HOUR / 60), POLICY, Around(now=START))
    assert (await ledger.verify_chain()).rows == before
    await ledger.close_slot("owl", Account(instant=START, state="missed", why="asleep", reason="late"))
    report = await ledger.verify_chain()
    assert (report.ok, report.rows) == (True, before + 1)


@pytest.mark.parametrize("state", ["ran", "skipped"])
async def test_an_event_s_slot_has_no_instant(ledger: Ledger, state: str) -> None:
    await ledger.claim_slot("owl", "event 7", "r1")
    if state == "skipped":
        await ledger.refuse_slot("owl", "event 7", "r1", Stopped(why="budget", reason="the day's is spent"))
    row = await ledger.slot("owl", "event 7")
    assert row is not None
    assert (row.state, row.instant) == (state, None)
