"""What runs draw on together: a child on its parent's budget, all agents on the house's, and no effect beyond a limit."""

from __future__ import annotations

import asyncio
from datetime import UTC
from decimal import Decimal
from typing import Any

import pytest

from midwatch.budget import BudgetSpent, Spent
from midwatch.errors import LedgerError
from midwatch.habit import LAST, Traits
from midwatch.ledger import Arrival, Ledger, Reservation
from midwatch.spec import DayLimits, Limits
from tests.midwatch.ledger.conftest import START, FakeClock


async def start(
    ledger: Ledger, run_id: str, agent: str = "owl", *, parent: str | None = None, limits: Limits | None = None
) -> None:
    await ledger.start_run(
        run_id,
        agent=agent,
        cause="person",
        slot=None,
        level=4,
        asked_level=None,
        input={},
        fingerprint="f",
        started_at=START,
        parent=parent,
        limits=limits,
    )


async def effect(ledger: Ledger, run_id: str, call: str) -> Reservation:
    return await ledger.reserve(run_id, call, digest=call, tool="pay", args_json="{}", idempotency_key=call)


async def test_what_a_child_uses_its_parents_have_used_too(ledger: Ledger) -> None:
    await start(ledger, "top", limits=Limits(steps=5))
    await start(ledger, "middle", "bat", parent="top", limits=Limits(steps=9))
    await start(ledger, "leaf", "cat", parent="middle")
    await ledger.record_step("leaf", "m/1", kind="model", name="m", tokens_in=7, usd=Decimal("0.25"), seconds=60)
    await ledger.record_step("middle", "m/1", kind="model", name="m", tokens_in=1)
    await effect(ledger, "leaf", "c1")
    leaf = await ledger.standing("leaf", "cat", START)
    assert leaf.family == Spent(runs=1, steps=1, tokens=7, usd=0.25, minutes=1, effects=1)
    assert sorted((pool.scope, pool.bounds.steps, pool.used.steps) for pool in leaf.parents) == [
        ("parent", 5, 2),
        ("parent", 9, 2),
    ]
    top = await ledger.standing("top", "owl", START)
    assert (top.family, top.parents) == (Spent(runs=3, steps=2, tokens=8, usd=0.25, minutes=1, effects=1), ())
    assert (await ledger.spent_by("top")).steps == 0


async def test_the_same_step_again_is_counted_once(ledger: Ledger) -> None:
    await start(ledger, "top")
    for _ in range(2):
        await ledger.record_step("top", "m/1", kind="model", name="m", tokens_in=7)
        await effect(ledger, "top", "c1")
    assert (await ledger.standing("top", "owl", START)).family == Spent(runs=1, steps=1, tokens=7, effects=1)


async def test_a_child_has_no_more_effects_than_its_parent(ledger: Ledger) -> None:
    await start(ledger, "top", limits=Limits(effects=2))
    await start(ledger, "leaf", "cat", parent="top", limits=Limits(effects=9))
    await effect(ledger, "top", "c1")
    await effect(ledger, "leaf", "c1")
    with pytest.raises(BudgetSpent, match="2 of 2 effects used by the run that started this one"):
        await effect(ledger, "leaf", "c2")
    assert [row.call_id for row in await ledger.effects_of("leaf")] == ["c1"]


async def test_what_is_refused_is_not_counted_and_what_stands_is_found_again(ledger: Ledger) -> None:
    await start(ledger, "top", limits=Limits(effects=1))
    first = await effect(ledger, "top", "c1")
    for _ in range(2):
        with pytest.raises(BudgetSpent):
            await effect(ledger, "top", "c2")
    await ledger.consume(first.effect_id, '"paid"')
    assert (await effect(ledger, "top", "c1")).state == "consumed"
    assert (await ledger.spent_today("owl", START)).effects == 1


async def test_a_parent_that_is_not_there_is_refused(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no run 'nobody'"):
        await start(ledger, "leaf", parent="nobody")
    assert await ledger.run("leaf") is None


async def test_the_agents_day_and_the_houses_day_hold_effects_back(ledger: Ledger, clock: FakeClock) -> None:
    await ledger.set_house_limits(DayLimits(effects=3), by="ann", because="a first night")
    for number in range(3):
        await start(ledger, f"owl-{number}", limits=Limits(per_day=DayLimits(effects=2)))
    await effect(ledger, "owl-0", "c")
    await effect(ledger, "owl-1", "c")
    with pytest.raises(BudgetSpent, match="2 of 2 effects used today;"):
        await effect(ledger, "owl-2", "c")
    await start(ledger, "bat-0", "bat")
    await effect(ledger, "bat-0", "c1")
    with pytest.raises(BudgetSpent, match="3 of 3 effects used today by all agents together"):
        await effect(ledger, "bat-0", "c2")
    clock.forward(days=1)
    assert (await effect(ledger, "bat-0", "c2")).state == "reserved"


async def test_of_effects_that_race_only_so_many_begin_as_there_are(ledger: Ledger) -> None:
    await ledger.set_house_limits(DayLimits(effects=3), by="ann", because="a first night")
    for number in range(6):
        await start(ledger, f"r{number}", f"agent-{number}")
    ended = await asyncio.gather(*(effect(ledger, f"r{number}", "c") for number in range(6)), return_exceptions=True)
    assert sorted(type(one).__name__ for one in ended) == ["BudgetSpent"] * 3 + ["Reservation"] * 3


async def test_a_run_counts_for_the_day_from_its_first_step_on(ledger: Ledger, clock: FakeClock) -> None:
    await ledger.set_house_limits(DayLimits(runs=9), by="ann", because="a first night")
    for number in range(3):
        await start(ledger, f"held-off-{number}")
        await ledger.finish_run(f"held-off-{number}", outcome="blocked", reason="everything was halted")
    await start(ledger, "top")
    assert (await ledger.spent_today("owl", START)).runs == 0
    for position in ("prompt", "m/1", "m/1"):
        standing = await ledger.standing("top", "owl", START)  # its own share is in it, begun or not
        assert (standing.day.runs, standing.house_day.runs) == (1, 1)
        await ledger.record_step("top", position, kind="model", name="m")
    assert (await ledger.spent_today("owl", START)).runs == 1
    clock.forward(days=1)
    await ledger.record_step("top", "m/2", kind="model", name="m")
    assert (await ledger.spent_today("owl", clock())).runs == 0


async def test_the_latest_limits_of_the_house_count(ledger: Ledger) -> None:
    assert await ledger.house_limits() == DayLimits()
    await ledger.set_house_limits(DayLimits(usd=5), by="ann", because="a first night")
    await ledger.set_house_limits(DayLimits(usd=7, effects=2), by="ann", because="a second")
    assert await ledger.house_limits() == DayLimits(usd=7, effects=2)
    assert (await ledger.verify_chain()).ok


async def test_all_agents_together_are_added_up(ledger: Ledger) -> None:
    for agent in ("owl", "bat"):
        await start(ledger, agent, agent)
        await ledger.record_step(agent, "m/1", kind="model", name="m", tokens_in=7, usd=Decimal("0.25"))
    assert (await ledger.standing("owl", "owl", START)).house_day == Spent()
    await ledger.set_house_limits(DayLimits(tokens=100), by="ann", because="a first night")
    standing = await ledger.standing("owl", "owl", START)
    assert standing.house_day == Spent(runs=2, steps=2, tokens=14, usd=0.5)
    assert standing.day == Spent(runs=1, steps=1, tokens=7, usd=0.25)
    assert set(await ledger.spent_by_agent(START)) == {"owl", "bat"}


async def test_only_the_last_verified_runs_of_the_same_file_make_a_habit(ledger: Ledger, clock: FakeClock) -> None:
    for number in range(LAST + 5):
        await start(ledger, f"r{number:02}")
        clock.forward(hours=1)
        for _ in range(2):
            await ledger.record_traits(f"r{number:02}", Traits(steps=number))
    past = await ledger.past_traits("owl", "f")
    assert [one.steps for one in past] == [*range(LAST + 4, 4, -1)]
    assert await ledger.past_traits("owl", "another") == []
    assert await ledger.past_traits("bat", "f") == []


async def test_a_run_that_waits_or_has_ended_is_not_at_work(ledger: Ledger, clock: FakeClock) -> None:
    run: dict[str, Any] = {
        "cause": "person",
        "slot": None,
        "level": 4,
        "asked_level": None,
        "input": {},
        "fingerprint": "f",
    }
    for run_id in ("ended", "works"):
        await ledger.start_run(run_id, agent="owl", started_at=START, stall_minutes=5, **run)
    await ledger.finish_run("ended", outcome="failed", reason="")
    later = clock.forward(minutes=3)
    await ledger.record_step("works", "main/model/1", kind="model", name="m")
    (works,) = await ledger.unfinished_runs()
    assert (works.run_id, works.stepped_at.astimezone(UTC), works.stall_minutes) == ("works", later, 5)
    assert works.last_step == "main/model/1"


async def test_the_runs_that_are_left_today_are_those_of_the_agent_and_of_the_house(
    ledger: Ledger, clock: FakeClock
) -> None:
    await start(ledger, "r0")
    came = Arrival(agent="owl", trigger="w", delivery="d", payload="{}", input={})
    row, _ = await ledger.enter_arrival(came)
    await ledger.arrival_started(row.arrival_id, "asked for")

    async def left(**limits: int) -> int:
        return await ledger.runs_left_today("owl", DayLimits(**limits), clock.now, at_most=9)

    assert [await left(), await left(runs=5), await left(runs=1), await left(tokens=10)] == [9, 4, 0, 9]
    await ledger.record_step("r0", "main/1", kind="model", name="m", tokens_in=10)
    assert await left(tokens=10) == 0
    await ledger.set_house_limits(DayLimits(runs=4), by="anna", because="a test")
    assert await left(runs=5) == 2
    clock.forward(days=1, hours=1)
    assert [await left(runs=5), await left(tokens=10)] == [4, 4]
