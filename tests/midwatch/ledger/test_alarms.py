"""Alarms and attendance: one alarm for a key, and a person's silence lowers a level by one step a period."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta

from midwatch.ledger import Ledger
from midwatch.run import LEVELS
from tests.midwatch.ledger.conftest import START, FakeClock

WEEK = timedelta(days=7)


async def granted_five(ledger: Ledger, until: datetime | None = None) -> None:
    for level in LEVELS[3:]:
        await ledger.grant_level("owl", level, by="anna", because="a while", until=until)


async def test_an_alarm_stands_once_until_it_is_over(ledger: Ledger, clock: FakeClock) -> None:
    raising = (ledger.raise_alarm("silence:owl", agent="owl", severity="urgent", what="silent") for _ in range(5))
    (first,) = [row for row in await asyncio.gather(*raising) if row is not None]
    assert await ledger.still_open([first.alarm_id]) == {first.alarm_id}
    assert [row.what for row in await ledger.open_alarms()] == ["silent"]
    clock.forward(hours=1)
    assert await ledger.end_alarm("silence:owl", "it spoke")
    assert not await ledger.end_alarm("silence:owl", "it spoke")
    assert (await ledger.open_alarms(), await ledger.still_open([first.alarm_id])) == ([], frozenset())
    assert await ledger.raise_alarm("silence:owl", agent="owl", severity="urgent", what="silent") is not None
    assert len(await ledger.alarms_between(START, clock.now + WEEK)) == 2
    assert len(await ledger.alarms_between(clock.now, clock.now + WEEK)) == 2
    assert len(await ledger.alarms_between(clock.now + WEEK, clock.now + WEEK)) == 1


async def test_a_sign_of_a_person_is_an_answer_a_grant_or_a_look(ledger: Ledger, clock: FakeClock) -> None:
    assert await ledger.last_sign() is None
    await ledger.grant_level("owl", 4, by="anna", because="earned")
    assert await ledger.last_sign() == START
    clock.forward(hours=2)
    assert await ledger.person_seen("anna", "page")
    assert not await ledger.person_seen("anna", "page")
    assert await ledger.last_sign() == START + timedelta(hours=2)
    clock.forward(hours=2)
    assert await ledger.person_seen("anna", "cli", START + timedelta(hours=3))
    assert await ledger.last_sign() == START + timedelta(hours=3)


async def test_the_grant_of_midwatch_itself_is_no_sign(ledger: Ledger, clock: FakeClock) -> None:
    await granted_five(ledger)
    clock.forward(days=15)
    assert await ledger.lower_unseen("owl", since=clock.now - WEEK, because="nobody came") is not None
    assert await ledger.last_sign() == START


async def test_silence_lowers_by_one_step_a_period_and_never_below_three(ledger: Ledger, clock: FakeClock) -> None:
    await granted_five(ledger)
    assert await ledger.trusted_agents() == ["owl"]
    levels = []
    for _ in range(5):
        clock.forward(days=7)
        both = [ledger.lower_unseen("owl", since=clock.now - WEEK, because="nobody came") for _ in range(2)]
        made = [grant for grant in await asyncio.gather(*both) if grant is not None]
        levels.append([grant.level for grant in made])
    assert levels == [[4], [3], [], [], []]
    assert await ledger.trusted_agents() == []
    assert {grant.by for grant in await ledger.grants("owl")} == {"anna", "midwatch"}


async def test_a_grant_that_runs_out_is_lowered_with_its_end_and_one_that_ran_out_is_left(
    ledger: Ledger, clock: FakeClock
) -> None:
    until = START + timedelta(days=10)
    await granted_five(ledger, until)
    clock.forward(days=7)
    lowered = await ledger.lower_unseen("owl", since=clock.now - WEEK, because="nobody came")
    assert lowered is not None
    assert (lowered.level, lowered.until) == (4, until)
    clock.forward(days=7)
    assert await ledger.lower_unseen("owl", since=clock.now - WEEK, because="nobody came") is None
