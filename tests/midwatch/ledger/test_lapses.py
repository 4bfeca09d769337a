"""Slots that came to nothing, over all agents."""

from __future__ import annotations

from datetime import timedelta

from midwatch.ledger import Ledger
from midwatch.ledger.lapses import Lapse
from midwatch.ledger.slots import Due
from midwatch.slots import Around, Stopped
from midwatch.triggers import SchedulePolicy
from tests.midwatch.ledger.conftest import START, FakeClock

HOUR = timedelta(hours=1)


async def test_only_those_of_the_while_that_nobody_ran_are_told(ledger: Ledger, clock: FakeClock) -> None:
    instants = tuple(START + number * HOUR for number in range(4))
    clock.forward(hours=4)
    around = Around(now=clock.now, stopped=Stopped(why="halt", reason="it was halted"))
    assert await ledger.account_slots(
        "owl", Due(since=None, until=clock.now, instants=instants), SchedulePolicy(), around
    )
    await ledger.claim_slot("bat", "schedule x", "r", START + HOUR)
    (found,) = await ledger.lapses_between(START + HOUR, START + 3 * HOUR)
    assert found == Lapse(agent="owl", state=found.state, reason=found.reason, times=2, last=START + 2 * HOUR)
    assert found.state in ("missed", "skipped")
