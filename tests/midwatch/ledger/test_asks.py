"""Questions: the first answer counts, silence is never a yes, and a yes is good once, for exactly that call."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midwatch.errors import LedgerError
from midwatch.ledger import Ask, AskDecision, AskRow, Ledger

START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
ASK = Ask(
    ask_id="ask-1",
    run_id="run-1",
    call_id="c1",
    tool="delete_file",
    args_json='{"path":"tmp/old.log"}',
    digest="d1",
    kind="approve",
    rule="ask.delete",
    reason="it cannot be put back",
    words="This log is from last year.",
    created_at=START,
    deadline=START + timedelta(hours=8),
)
RUN: dict[str, Any] = {
    "cause": "person",
    "level": 3,
    "asked_level": None,
    "input": {},
    "fingerprint": "f",
    "started_at": START,
}
QUESTION = replace(ASK, ask_id="ask-2", call_id="c2", tool="ask_human", kind="answer", digest="d2")


@pytest.fixture
async def asked(ledger: Ledger, run_id: str) -> AskRow:
    return await ledger.open_ask(ASK)


async def approve(ledger: Ledger, **changes: Any) -> AskDecision:
    answer: dict[str, Any] = {"verdict": "approved", "by": "operator", "via": "cli", "digest_seen": "d1", **changes}
    return await ledger.decide_ask("ask-1", answer.pop("verdict"), **answer)


async def test_an_open_question_waits_with_everything_that_a_person_needs(ledger: Ledger, asked: AskRow) -> None:
    assert await ledger.open_asks() == await ledger.open_asks("night-owl") == await ledger.asks_of("run-1") == [asked]
    assert (asked.agent, asked.verdict, asked.words) == ("night-owl", None, "This log is from last year.")
    assert await ledger.open_asks("day-owl") == []


async def test_a_question_asked_again_on_a_replay_is_the_same_question(ledger: Ledger, asked: AskRow) -> None:
    assert await ledger.open_ask(replace(ASK, created_at=START + timedelta(hours=1))) == asked
    await approve(ledger)
    assert (await ledger.open_ask(ASK)).verdict == "approved"


async def test_a_question_about_another_call_needs_its_own_id(ledger: Ledger, asked: AskRow) -> None:
    with pytest.raises(LedgerError, match="give this one its own id"):
        await ledger.open_ask(replace(ASK, digest="d9"))


async def test_the_first_answer_counts_and_later_ones_are_told(ledger: Ledger, asked: AskRow) -> None:
    first = await approve(ledger, reason="old indeed")
    late = await approve(ledger, verdict="denied", by="second operator", via="prefect-ui")
    assert (first.first, late.first) == (True, False)
    assert late.row == first.row
    assert (late.row.verdict, late.row.by, late.row.decided_because) == ("approved", "operator", "old indeed")
    assert await ledger.open_asks() == []


async def test_of_two_answers_at_once_one_is_first(ledger: Ledger, asked: AskRow) -> None:
    both = await asyncio.gather(approve(ledger), approve(ledger, verdict="denied", by="second operator"))
    assert sorted(decision.first for decision in both) == [False, True]
    assert both[0].row == both[1].row


@pytest.mark.parametrize(
    ("verdict", "hours", "accepted"),
    [
        ("approved", 7.9, True),
        ("approved", 8, False),
        ("denied", 8, False),
        ("expired", 7.9, False),
        ("expired", 8, True),
    ],
)
async def test_from_the_deadline_on_only_expired_is_accepted(
    ledger: Ledger, asked: AskRow, clock: Any, verdict: str, hours: float, accepted: bool
) -> None:
    clock.forward(hours=hours)
    if accepted:
        assert (await approve(ledger, verdict=verdict)).row.verdict == verdict
    else:
        with pytest.raises(LedgerError, match=r"deadline passed|it has until"):
            await approve(ledger, verdict=verdict)


async def test_what_is_overdue_is_listed_until_it_is_settled(ledger: Ledger, asked: AskRow, clock: Any) -> None:
    assert await ledger.overdue_asks(clock()) == []
    assert [ask.ask_id for ask in await ledger.overdue_asks(clock.forward(hours=8))] == ["ask-1"]
    await ledger.decide_ask("ask-1", "expired", by="midwatch", via="keeper")
    assert await ledger.overdue_asks(clock()) == []


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({"digest_seen": None}, "says which call was seen"),
        ({"digest_seen": "d0"}, "look at it again"),
        ({"verdict": "denied", "digest_seen": "d0"}, "look at it again"),
        ({"verdict": "answered", "answer": "yes"}, "cannot be answered"),
        ({"verdict": "edited"}, "edited arguments and their digest"),
        ({"verdict": "edited", "edited_args_json": "{}"}, "edited arguments and their digest"),
    ],
)
async def test_an_answer_that_does_not_fit_is_refused(
    ledger: Ledger, asked: AskRow, changes: dict[str, Any], fault: str
) -> None:
    with pytest.raises(LedgerError, match=fault):
        await approve(ledger, **changes)
    assert (await ledger.ask("ask-1")).verdict is None


async def test_a_question_for_words_is_answered_in_words(ledger: Ledger, run_id: str) -> None:
    await ledger.open_ask(QUESTION)
    with pytest.raises(LedgerError, match="an answer is missing"):
        await ledger.decide_ask("ask-2", "answered", by="operator", via="cli")
    with pytest.raises(LedgerError, match="cannot be approved"):
        await ledger.decide_ask("ask-2", "approved", by="operator", via="cli", digest_seen="d2")
    decision = await ledger.decide_ask("ask-2", "answered", by="operator", via="cli", answer="the second one")
    assert decision.row.answer == "the second one"
    with pytest.raises(LedgerError, match="no yes to it is on file"):
        await reserve(ledger, "c2", digest="d2", ask_id="ask-2")


async def reserve(
    ledger: Ledger, call_id: str, digest: str = "d1", ask_id: str = "ask-1", run_id: str = "run-1"
) -> str:
    call: dict[str, Any] = {
        "tool": "delete_file",
        "args_json": ASK.args_json,
        "idempotency_key": call_id,
        "ask_id": ask_id,
    }
    return (await ledger.reserve(run_id, call_id, digest=digest, **call)).state


async def refused(ledger: Ledger, call_id: str = "c1", **changes: Any) -> str:
    with pytest.raises(LedgerError) as refusal:
        await reserve(ledger, call_id, **changes)
    assert await ledger.effects_of(changes.get("run_id", "run-1")) == []
    return str(refusal.value)


async def test_what_nobody_said_yes_to_cannot_be_reserved(ledger: Ledger, asked: AskRow) -> None:
    assert "no yes to it is on file" in await refused(ledger)
    await approve(ledger, verdict="denied")
    assert "no yes to it is on file" in await refused(ledger)


async def test_a_yes_is_good_for_the_call_that_was_shown_in_its_run_and_place(ledger: Ledger, asked: AskRow) -> None:
    await ledger.start_run("run-2", agent="night-owl", slot="other", **RUN)
    await approve(ledger)
    assert "not what was shown" in await refused(ledger, digest="d9")
    assert "given to another call" in await refused(ledger, call_id="item-004/c1")
    assert "given to another run" in await refused(ledger, run_id="run-2")
    assert await reserve(ledger, "c1") == "reserved"


async def test_an_edited_yes_is_good_for_the_edited_call_only(ledger: Ledger, asked: AskRow) -> None:
    await approve(ledger, verdict="edited", edited_args_json='{"path":"tmp/x"}', edited_digest="d2")
    assert "not what was shown" in await refused(ledger, digest="d1")
    assert await reserve(ledger, "c1", digest="d2") == "reserved"


async def test_a_yes_is_good_for_an_hour_behind_the_deadline(ledger: Ledger, asked: AskRow, clock: Any) -> None:
    await approve(ledger)
    clock.forward(hours=9)
    assert "it was good until 2026-03-01 12:00 UTC" in await refused(ledger)
    clock.forward(seconds=-1)
    assert await reserve(ledger, "c1") == "reserved"


@pytest.mark.parametrize("name", ["", "agent", "Night-Owl", "nobody", " model "])
async def test_a_yes_that_is_no_persons_is_not_taken(ledger: Ledger, asked: AskRow, name: str) -> None:
    with pytest.raises(LedgerError, match="is none"):
        await approve(ledger, by=name)
    assert (await ledger.ask("ask-1")).verdict is None


async def test_an_effect_takes_its_approval_with_it(ledger: Ledger, asked: AskRow) -> None:
    await approve(ledger)
    assert [await reserve(ledger, "c1") for _ in range(2)] == ["reserved", "in_doubt"]
    with pytest.raises(LedgerError, match="given to another call"):
        await reserve(ledger, "c9")
    assert [effect.ask_id for effect in await ledger.effects_of("run-1")] == ["ask-1"]


async def test_a_released_effect_keeps_its_approval(ledger: Ledger, asked: AskRow) -> None:
    await approve(ledger)
    await reserve(ledger, "c1")
    (effect,) = await ledger.effects_of("run-1")
    await ledger.release(effect.effect_id)
    assert await reserve(ledger, "c1") == "reserved"


async def test_a_question_that_is_not_there_cannot_be_answered(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="no ask 'ask-1'"):
        await approve(ledger)
