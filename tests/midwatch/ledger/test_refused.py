"""Arrivals that no run could take, by agent."""

from __future__ import annotations

from datetime import timedelta

from midwatch.ledger import Ledger
from midwatch.ledger.refused import Refused
from tests.midwatch.ledger.conftest import START, FakeClock
from tests.midwatch.ledger.test_arrivals import came

HOUR = timedelta(hours=1)


async def test_those_of_the_while_are_counted_until_they_are_mended(ledger: Ledger, clock: FakeClock) -> None:
    for delivery, agent, refused in (("a", "owl", "no"), ("b", "owl", "no"), ("c", "bat", "no"), ("d", "bat", "")):
        await ledger.enter_arrival(came(delivery, refused=refused, agent=agent))
    both = [Refused(agent="bat", times=1), Refused(agent="owl", times=2)]
    assert await ledger.refused_between(START, START + HOUR) == both
    assert await ledger.refused_between(START + HOUR, START + 2 * HOUR) == []
    await ledger.enter_arrival(came("c", agent="bat"))
    assert await ledger.refused_between(START, START + HOUR) == both[1:]
