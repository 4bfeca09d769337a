"""Notices: one row for an incident and a person, one interruption however many send it, and what is held back."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midwatch.attention import Person, Situation, Subject, settings_of
from midwatch.ledger import Ask, AskRow, Ledger, NoticeRow
from midwatch.ledger.notices import LONGEST_PAUSE, pause
from tests.midwatch.ledger.conftest import FakeClock

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ANNA = {"anna": settings_of(Person(name="anna"))}


def ask(number: int, **facts: Any) -> Ask:
    asked: dict[str, Any] = {
        "ask_id": f"run-1:{number}",
        "run_id": "run-1",
        "call_id": f"main/{number}",
        "tool": "pay",
        "args_json": "{}",
        "digest": f"d{number}",
        "kind": "approve",
        "rule": "ask.pay",
        "reason": "",
        "words": "",
        "created_at": START,
        "deadline": START + timedelta(hours=8),
    }
    return Ask(**{**asked, **facts})


def situation(*numbers: int) -> Situation:
    subjects = tuple(Subject(id=f"run-1:{n}", run_id="run-1", rule="ask.pay", at=START) for n in numbers)
    return Situation(agent="night-owl", topic="requests", severity="urgent", subjects=subjects)


async def noted(ledger: Ledger, *numbers: int, person: str = "anna") -> str:
    return await ledger.note_situation(person, situation(*numbers)) or ""


async def only(ledger: Ledger) -> NoticeRow:
    (row,) = await ledger.open_notices()
    return row


@pytest.fixture
async def asked(ledger: Ledger, run_id: str) -> list[AskRow]:
    return [await ledger.open_ask(ask(number)) for number in (1, 2, 3)]


async def test_what_repeats_is_counted_on_one_incident(ledger: Ledger, asked: list[AskRow]) -> None:
    first = await noted(ledger, 1)
    assert (await noted(ledger, 1, 2, 3), await noted(ledger, 2)) == (first, "")
    row = await only(ledger)
    assert (row.times, row.first_at, [one.subject for one in row.subjects]) == (
        3,
        START,
        ["run-1:1", "run-1:2", "run-1:3"],
    )


async def test_each_person_has_an_incident_of_their_own(ledger: Ledger, asked: list[AskRow]) -> None:
    assert await noted(ledger, 1) != await noted(ledger, 1, person="ben")
    assert [row.person for row in await ledger.open_notices()] in (["anna", "ben"], ["ben", "anna"])


async def test_of_two_that_count_at_once_one_opens_it(url: str, ledger: Ledger, asked: list[AskRow]) -> None:
    async with Ledger.open(url) as other:
        ids = await asyncio.gather(*(noted(one, 1, 2) for one in (ledger, other)))
    row = await only(ledger)
    assert (sorted(ids), row.times) == (["", row.notice_id], 2)


async def test_of_many_that_would_send_it_one_may(url: str, ledger: Ledger, asked: list[AskRow]) -> None:
    notice = await noted(ledger, 1)
    async with Ledger.open(url, clock=lambda: START) as other:
        claims = await asyncio.gather(*(one.claim_notice(notice) for one in (ledger, other) * 4))
    assert sum(claims) == 1


async def test_a_notice_that_was_sent_is_never_sent_again(
    ledger: Ledger, asked: list[AskRow], clock: FakeClock
) -> None:
    notice = await noted(ledger, 1)
    assert await ledger.claim_notice(notice)
    await ledger.notice_sent(notice, "mail/anna")
    clock.forward(days=1)
    assert not await ledger.claim_notice(notice)
    assert (await only(ledger)).sent_at == START
    assert await ledger.sent_since("anna", START) == 1
    assert await ledger.sent_since("anna", START + timedelta(minutes=1)) == await ledger.sent_since("ben", START) == 0


async def test_one_that_failed_is_tried_again_after_a_pause_that_grows(
    ledger: Ledger, asked: list[AskRow], clock: FakeClock
) -> None:
    notice = await noted(ledger, 1)
    waited = []
    for _ in range(3):
        assert await ledger.claim_notice(notice)
        await ledger.notice_failed(notice, "mail/anna: no answer in time")
        began = clock.now
        while not await ledger.claim_notice(notice):
            clock.forward(seconds=30)
        waited.append(clock.now - began)
        clock.now += LONGEST_PAUSE
    assert waited == sorted(waited)
    assert (await only(ledger)).fault == "mail/anna: no answer in time"
    assert pause(1) == timedelta(minutes=1)
    assert pause(99) == LONGEST_PAUSE


async def test_what_comes_after_somebody_answered_is_a_new_incident(
    ledger: Ledger, asked: list[AskRow], clock: FakeClock
) -> None:
    first = await noted(ledger, 1, 2)
    await ledger.notice_sent(first, "mail/anna")
    clock.forward(minutes=5)
    await ledger.decide_ask("run-1:1", "approved", by="anna", via="cli", digest_seen="d1")
    later = replace(situation(3), subjects=(replace(situation(3).subjects[0], at=START + timedelta(minutes=6)),))
    second = await ledger.note_situation("anna", later)
    assert second not in (None, first)
    assert (await only(ledger)).notice_id == second
    (closed, _) = await ledger.notices_since(START)
    assert (closed.closed_by, [one.verdict for one in closed.subjects]) == ("anna", ["approved", None])


async def test_an_answer_by_another_door_while_it_was_being_told_ends_it_too(
    ledger: Ledger, asked: list[AskRow], clock: FakeClock
) -> None:
    first = await noted(ledger, 1)
    assert await ledger.claim_notice(first)
    clock.forward(seconds=2)
    await ledger.decide_ask("run-1:1", "denied", by="anna", via="slack", digest_seen="d1")
    clock.forward(seconds=2)
    await ledger.notice_sent(first, "mail/anna")
    later = replace(situation(2), subjects=(replace(situation(2).subjects[0], at=START + timedelta(seconds=3)),))
    assert await ledger.note_situation("anna", later) not in (None, first)


async def test_an_incident_that_is_closed_is_closed_once(ledger: Ledger, asked: list[AskRow]) -> None:
    notice = await noted(ledger, 1)
    assert [await ledger.close_notice(notice, by) for by in ("anna", "ben")] == [True, False]
    assert await ledger.open_notices() == []
    assert not await ledger.claim_notice(notice)


async def test_a_question_is_held_back_until_somebody_was_told(
    ledger: Ledger, asked: list[AskRow], clock: FakeClock
) -> None:
    assert await ledger.held_back(asked, START) == frozenset()  # nobody looks after it: everybody is asked at once
    await ledger.see_people(ANNA)
    notice = await noted(ledger, 1, 2)
    await ledger.weighed(notice, "later", "quiet hours")
    assert await ledger.held_back(asked, START) == {"run-1:1", "run-1:2", "run-1:3"}
    assert await ledger.held_back(asked, START + timedelta(seconds=31)) == {"run-1:1", "run-1:2"}
    await ledger.notice_sent(notice, "inbox")
    assert await ledger.held_back(asked, START + timedelta(seconds=31)) == frozenset()


async def test_where_channels_fail_the_others_are_not_held_back(ledger: Ledger, asked: list[AskRow]) -> None:
    await ledger.see_people(ANNA)
    notice = await noted(ledger, 1)
    await ledger.weighed(notice, "interrupt", "by day")
    await ledger.notice_failed(notice, "mail/anna: no answer in time")
    assert await ledger.held_back(asked[:1], START) == frozenset()


async def test_a_question_that_one_of_two_was_told_of_is_held_back_from_nobody(
    ledger: Ledger, asked: list[AskRow]
) -> None:
    await ledger.see_people({**ANNA, "ben": settings_of(Person(name="ben"))})
    await noted(ledger, 1)
    await ledger.notice_sent(await noted(ledger, 1, person="ben"), "mail/ben")
    assert await ledger.held_back(asked[:1], START) == frozenset()


async def test_without_a_notifier_at_work_nothing_is_held_back(ledger: Ledger, asked: list[AskRow]) -> None:
    await ledger.see_people(ANNA)
    await noted(ledger, 1, 2, 3)
    assert await ledger.held_back(asked, START + timedelta(minutes=3)) == frozenset()


async def test_what_nobody_answers_for_is_not_held_back(ledger: Ledger, asked: list[AskRow]) -> None:
    await ledger.see_people({"anna": settings_of(Person(name="anna", agents=frozenset({"day-owl"})))})
    assert await ledger.held_back(asked, START) == frozenset()


async def test_people_come_change_and_go(ledger: Ledger, clock: FakeClock) -> None:
    (row,) = await ledger.see_people(ANNA)
    clock.forward(hours=1)
    other = {"anna": settings_of(Person(name="anna", a_day=1))}
    (again,) = await ledger.see_people(other)
    assert (row.since, again.since, again.seen_at) == (START, START, clock.now)
    assert json.loads(again.settings_json)["a_day"] == 1
    assert await ledger.see_people({}) == await ledger.people() == []
    assert (await ledger.verify_chain()).ok


async def test_a_failure_is_over_with_the_first_run_that_ends_well(ledger: Ledger, clock: FakeClock) -> None:
    facts: dict[str, Any] = {"agent": "night-owl", "slot": None, "level": 3, "asked_level": None, "input": {}}
    for number, (outcome, cause, fingerprint) in enumerate(
        [("failed", "schedule", "f1"), ("failed", "schedule", "f1"), ("verified", "schedule", "f2")]
    ):
        clock.forward(minutes=10)
        run = f"r{number}"
        await ledger.start_run(run, cause=cause, fingerprint=fingerprint, started_at=clock.now, **facts)  # type: ignore[arg-type]  # of a table
        await ledger.finish_run(run, outcome=outcome, reason="")  # type: ignore[arg-type]  # of a table
    ended = await ledger.ended_since(START)
    assert [(one.run_id, one.outcome, one.unanswered) for one in ended] == [
        ("r0", "failed", False),
        ("r1", "failed", False),
    ]
    green = await ledger.green_after("night-owl", "r1")
    assert green is not None
    assert (green.run_id, green.acted) == ("r2", True)
    assert await ledger.green_after("night-owl", "r2") is None


async def test_the_risk_of_a_tool_is_what_was_last_said_of_it(ledger: Ledger, run_id: str) -> None:
    assert await ledger.risk_asked("night-owl", "pay") == ""
    await ledger.open_ask(ask(1, context_json='{"risk": "write"}'))
    await ledger.open_ask(ask(2, context_json='{"risk": "money"}', created_at=START + timedelta(hours=1)))
    assert await ledger.risk_asked("night-owl", "pay") == "money"
