from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

import pytest

from midwatch.errors import LedgerError
from midwatch.ledger import Arrival, ArrivalRow, Ledger
from tests.midwatch.ledger.conftest import START, FakeClock

AGENT = "night-owl"


def came(delivery: str, refused: str = "", agent: str = AGENT, **input: Any) -> Arrival:
    return Arrival(
        agent=agent, trigger="webhook h", delivery=delivery, payload=f"payload {delivery}", input=input, refused=refused
    )


async def enter(ledger: Ledger, clock: FakeClock, *deliveries: str) -> list[ArrivalRow]:
    """One second after the other."""
    rows = []
    for delivery in deliveries:
        rows.append((await ledger.enter_arrival(came(delivery, n=delivery)))[0])
        clock.forward(seconds=1)
    return rows


def listed(inputs: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    return {"all": [dict(one) for one in inputs]}


def anything(_input: Mapping[str, Any]) -> bool:
    return True


async def test_a_delivery_has_one_row_however_often_it_comes(ledger: Ledger) -> None:
    first, new = await ledger.enter_arrival(came("d1", a=1))
    second, again = await ledger.enter_arrival(came("d1", a=2))
    assert (new, again) == (True, False)
    assert second == first
    assert (first.state, first.input) == ("received", {"a": 1})
    assert (await ledger.verify_chain()).ok


async def test_the_same_delivery_of_another_agent_or_trigger_is_another(ledger: Ledger) -> None:
    rows = [await ledger.enter_arrival(came("d1", agent=agent)) for agent in ("a", "b")]
    assert len({row.arrival_id for row, _ in rows}) == 2
    assert all(new for _, new in rows)


async def test_what_is_refused_is_kept_and_is_never_due(ledger: Ledger, clock: FakeClock) -> None:
    row, accepted = await ledger.enter_arrival(came("d1", refused="it has no title"))
    assert (row.state, row.why, accepted) == ("refused", "it has no title", False)
    assert await ledger.agents_due(clock.forward(days=1)) == []
    assert (await ledger.arrival(row.arrival_id[:6])) == (row, "payload d1")


async def test_what_was_refused_is_taken_when_it_comes_again_and_fits(ledger: Ledger) -> None:
    await ledger.enter_arrival(came("d1", refused="it has no title"))
    row, accepted = await ledger.enter_arrival(came("d1", title="a"))
    assert (row.state, row.why, row.input, accepted) == ("received", "", {"title": "a"}, True)
    assert await ledger.enter_arrival(came("d1", refused="it has no title")) == (row, False)


async def test_what_is_due_comes_oldest_first_and_not_before_its_wait_is_over(ledger: Ledger, clock: FakeClock) -> None:
    rows = await enter(ledger, clock, "d2", "d1")
    await ledger.enter_arrival(came("late"), wait=timedelta(minutes=1))
    now = clock.forward(seconds=1)
    assert await ledger.agents_due(now) == [AGENT]
    assert await ledger.arrivals_due(AGENT, now, limit=9) == rows
    assert await ledger.arrivals_due(AGENT, now, limit=1) == rows[:1]
    assert len(await ledger.arrivals_due(AGENT, clock.forward(minutes=1), limit=9)) == 3


async def test_what_a_clock_that_was_ahead_entered_is_due_and_holds_nothing_back(
    ledger: Ledger, clock: FakeClock
) -> None:
    clock.forward(days=365)
    rows = await enter(ledger, clock, "d1", "d2")
    await ledger.arrival_started(rows[0].arrival_id, "run")
    now = clock.forward(days=-365)
    assert [row.delivery for row in await ledger.arrivals_due(AGENT, now, limit=9)] == ["d2"]
    assert await ledger.arrivals_started_since(AGENT, now - timedelta(hours=1)) == 0


@pytest.mark.parametrize("most", [1, 2, 3, 7, 10, 99])
async def test_as_many_are_gathered_as_one_input_takes(ledger: Ledger, clock: FakeClock, most: int) -> None:
    first, *_ = await enter(ledger, clock, *(f"d{number:02}" for number in range(10)))
    asked: list[int] = []

    def fits(input: Mapping[str, Any]) -> bool:
        asked.append(len(input["all"]))
        return asked[-1] <= most

    row, joined = await ledger.gather_arrivals(first.arrival_id, listed, fits, most=100, most_bytes=9999)
    assert [one["n"] for one in row.input["all"]] == [f"d{number:02}" for number in range(min(most, 10))]
    assert (joined, len(await ledger.arrivals_due(AGENT, clock.now, limit=99))) == (
        min(most, 10) - 1,
        11 - min(most, 10),
    )
    assert len(asked) <= 5


async def test_a_started_arrival_has_one_run_for_ever(ledger: Ledger, clock: FakeClock) -> None:
    (row,) = await enter(ledger, clock, "d1")
    await ledger.arrival_started(row.arrival_id, "run-a")
    await ledger.arrival_started(row.arrival_id, "run-a")
    with pytest.raises(LedgerError, match="cannot be its run"):
        await ledger.arrival_started(row.arrival_id, "run-b")
    (now,) = await ledger.arrivals(AGENT)
    assert (now.state, now.run_id) == ("started", "run-a")
    assert await ledger.agents_due(clock.forward(days=1)) == []
    assert await ledger.arrivals_started_since(AGENT, START) == 1
    assert await ledger.arrivals_started_since(AGENT, clock.now) == 0


async def test_gathered_arrivals_are_one_run_and_stay_so(ledger: Ledger, clock: FakeClock) -> None:
    first, second, third = await enter(ledger, clock, "d1", "d2", "d3")
    row, joined = await ledger.gather_arrivals(first.arrival_id, listed, anything, most=2, most_bytes=9999)
    assert (row.input, joined) == ({"all": [{"n": "d1"}, {"n": "d2"}]}, 1)
    await enter(ledger, clock, "d4")
    again, joined = await ledger.gather_arrivals(first.arrival_id, listed, anything, most=9, most_bytes=9999)
    assert (again, joined) == (row, 0)
    states = {one.delivery: (one.state, one.joined) for one in await ledger.arrivals()}
    assert states == {
        "d1": ("received", None),
        "d2": ("coalesced", first.arrival_id),
        "d3": ("received", None),
        "d4": ("received", None),
    }
    (coalesced, alone) = [
        await ledger.gather_arrivals(one, listed, anything, most=9, most_bytes=9999)
        for one in (second.arrival_id, third.arrival_id)
    ]
    assert coalesced[0].state == "coalesced"
    assert alone[0].input == {"all": [{"n": "d3"}, {"n": "d4"}]}
    assert (await ledger.verify_chain()).ok


async def test_no_more_is_gathered_than_a_run_can_be_given(ledger: Ledger, clock: FakeClock) -> None:
    first, *_ = await enter(ledger, clock, *(f"d{number}" for number in range(5)))
    _, joined = await ledger.gather_arrivals(
        first.arrival_id, listed, anything, most=100, most_bytes=3 * len('{"n":"d0"}')
    )
    assert joined == 2


async def test_a_poisoned_arrival_is_tried_ever_less_often_and_then_set_aside(ledger: Ledger, clock: FakeClock) -> None:
    (row,) = await enter(ledger, clock, "d1")
    waits, states = [], []
    for _ in range(4):
        states.append(await ledger.arrival_failed(row.arrival_id, "no deployment", tries=4))
        (now,) = await ledger.arrivals()
        waits.append((now.due_at - clock.now).total_seconds())
        clock.forward(minutes=10)
    assert (waits[:3], states) == ([2, 4, 8], ["received", "received", "received", "set_aside"])
    assert await ledger.agents_due(clock.forward(days=9)) == []
    assert await ledger.set_aside_of(AGENT) == 1


async def test_only_what_was_set_aside_can_be_tried_again(ledger: Ledger, clock: FakeClock) -> None:
    (row,) = await enter(ledger, clock, "d1")
    with pytest.raises(LedgerError, match="only what was set aside"):
        await ledger.retry_arrival(row.arrival_id, by="ada")
    await ledger.arrival_failed(row.arrival_id, "no deployment", tries=1)
    again = await ledger.retry_arrival(row.arrival_id, by="ada")
    assert (again.state, again.tries) == ("received", 0)
    assert await ledger.arrivals_due(AGENT, clock.now, limit=9) == [again]


async def test_known_deliveries_are_found_among_many(ledger: Ledger, clock: FakeClock) -> None:
    await enter(ledger, clock, "d1", "d700")
    asked = {f"d{number}" for number in range(1200)}
    assert await ledger.known_deliveries(AGENT, "webhook h", asked) == {"d1", "d700"}
    assert await ledger.known_deliveries(AGENT, "webhook other", asked) == frozenset()


async def test_an_unknown_beginning_names_the_list(ledger: Ledger, clock: FakeClock) -> None:
    await enter(ledger, clock, "d1")
    for beginning in ("", "%", "zz"):
        with pytest.raises(LedgerError, match="midwatch arrivals"):
            await ledger.arrival(beginning)


async def start(ledger: Ledger, run_id: str, cause: Any, slot: str | None, input: Mapping[str, Any]) -> frozenset[str]:
    await ledger.start_run(
        run_id,
        agent=AGENT,
        cause=cause,
        slot=slot,
        level=3,
        asked_level=None,
        input=input,
        fingerprint="f",
        started_at=START,
    )
    return await ledger.labels_of(run_id)


async def test_what_arrived_is_untrusted_in_a_copy_that_a_person_starts(ledger: Ledger, clock: FakeClock) -> None:
    (row,) = await enter(ledger, clock, "d1")
    assert await start(ledger, "event", "event", f"event arrival:{row.arrival_id}", row.input) == {"untrusted"}
    assert await start(ledger, "copy", "person", "run copy", dict(row.input)) == {"untrusted"}
    assert await start(ledger, "own", "person", "run own", {"n": "other"}) == frozenset()
    assert await start(ledger, "none", "person", None, {}) == frozenset()


async def test_a_run_of_gathered_arrivals_is_untrusted_as_a_whole(ledger: Ledger, clock: FakeClock) -> None:
    first, _ = await enter(ledger, clock, "d1", "d2")
    row, _ = await ledger.gather_arrivals(first.arrival_id, listed, anything, most=9, most_bytes=9999)
    assert await start(ledger, "copy", "person", "run copy", row.input) == {"untrusted"}


async def test_equal_inputs_of_other_chains_bring_their_labels_to_a_copy_alone(ledger: Ledger) -> None:
    ids = []
    for parent in ("private", "plain"):
        await start(ledger, parent, "person", None, {})
        came = Arrival(agent=AGENT, trigger="after x", delivery=parent, payload="{}", input={"a": 1}, parent_run=parent)
        ids.append((await ledger.enter_arrival(came))[0].arrival_id)
    await ledger.add_label("private", "private", "it read a mailbox")
    assert await start(ledger, "one", "event", f"event arrival:{ids[1]}", {"a": 1}) == {"untrusted"}
    assert await start(ledger, "copy", "person", "run copy", {"a": 1}) == {"untrusted", "private"}


async def test_a_chain_s_run_has_what_the_run_before_it_had(ledger: Ledger) -> None:
    await start(ledger, "before", "person", None, {})
    await ledger.add_label("before", "private", "it read a mailbox")
    arrival = Arrival(
        agent=AGENT, trigger="after x", delivery="before", payload="{}", input={"a": 1}, parent_run="before"
    )
    row, _ = await ledger.enter_arrival(arrival)
    slot = f"event arrival:{row.arrival_id}"
    assert await start(ledger, "after", "event", slot, {"a": 1}) == {"untrusted", "private"}
