from __future__ import annotations

from midwatch.ledger import Ledger
from midwatch.outcome import Outcome
from tests.midwatch.ledger.conftest import START, FakeClock

CHAIN = ("second", "after first")


async def ended(ledger: Ledger, run_id: str, agent: str = "first", outcome: Outcome = "verified") -> None:
    await ledger.start_run(
        run_id,
        agent=agent,
        cause="person",
        slot=None,
        level=3,
        asked_level=None,
        input={},
        fingerprint="f",
        started_at=START,
    )
    await ledger.finish_run(run_id, outcome=outcome, reason="r")


async def test_a_new_chain_begins_now(ledger: Ledger) -> None:
    await ended(ledger, "old")
    mark = await ledger.chain_mark(*CHAIN)
    await ended(ledger, "new")
    assert [row.run_id for row in (await ledger.endings_after(mark, "first")).rows] == ["new"]
    assert await ledger.chain_mark(*CHAIN) == mark


async def test_only_the_awaited_agent_s_ends_are_found_in_their_order(ledger: Ledger, clock: FakeClock) -> None:
    mark = await ledger.chain_mark(*CHAIN)
    for run_id, agent in (("b", "first"), ("x", "other"), ("a", "first")):
        await ended(ledger, run_id, agent)
        clock.forward(hours=-1)  # a clock that is set back hides nothing
    endings = await ledger.endings_after(mark, "first")
    assert [row.run_id for row in endings.rows] == ["b", "a"]
    await ledger.move_chain_mark(*CHAIN, endings.until)
    assert (await ledger.endings_after(await ledger.chain_mark(*CHAIN), "first")).rows == ()


async def test_a_mark_never_goes_back(ledger: Ledger) -> None:
    mark = await ledger.chain_mark(*CHAIN)
    await ledger.move_chain_mark(*CHAIN, mark + 9)
    await ledger.move_chain_mark(*CHAIN, mark)
    assert await ledger.chain_mark(*CHAIN) == mark + 9


async def test_a_long_absence_is_read_in_stretches(ledger: Ledger) -> None:
    mark, found = await ledger.chain_mark(*CHAIN), []
    for number in range(4):
        await ended(ledger, f"run-{number}")
    for _ in range(20):
        endings = await ledger.endings_after(mark, "first", most=3)
        found += [row.run_id for row in endings.rows]
        mark = endings.until
    assert found == [f"run-{number}" for number in range(4)]
