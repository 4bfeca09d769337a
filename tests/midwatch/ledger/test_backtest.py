"""Decisions as a backtest reads them, from a real ledger."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from midwatch.backtest import backtest, refusal
from midwatch.backtest.replay import past_of
from midwatch.decision import Decision
from midwatch.errors import LedgerError
from midwatch.ledger import Ask, Decided, Ledger, Staged
from midwatch.ledger.backtest import PastCall
from midwatch.ledger.tables import journal
from midwatch.ledger.transaction import Read
from tests.midwatch.backtest.past import trial
from tests.midwatch.ledger.conftest import START, FakeClock

AGENT = "night-owl"
MAKE = '{"command":"make all"}'


async def decide(
    ledger: Ledger, run_id: str, call: str, verdict: Any = "ask", kind: str = "gate", digest: str = "d"
) -> None:
    decision = Decision(verdict=verdict, rule="default", reason="no rule allows it")
    decided = Decided(position=f"main/{kind}/{call}", tool="shell", args_json=MAKE, digest=digest, decision=decision)
    await ledger.record_decision(run_id, decided)


async def question(ledger: Ledger, run_id: str, call: str, **other: Any) -> str:
    facts: dict[str, Any] = {"tool": "shell", "args_json": MAKE, "digest": "d", "kind": "approve", "rule": "default"}
    facts |= {"reason": "", "words": "", "created_at": START, "deadline": None, **other}
    await ledger.open_ask(Ask(ask_id=f"{run_id}:{call}", run_id=run_id, call_id=f"main/{call}", **facts))
    return f"{run_id}:{call}"


async def read(ledger: Ledger, agent: str, **bounds: Any) -> tuple[list[PastCall], int]:
    found: list[PastCall] = []
    later = [0]

    def take(calls: Sequence[PastCall], more: int) -> None:
        found.extend(calls)
        later[0] += more

    await ledger.each_decision(agent, take, **bounds)
    return found, later[0]


async def test_a_call_is_read_with_its_answer_and_a_later_judgement_is_counted_apart(
    ledger: Ledger, run_id: str
) -> None:
    await decide(ledger, run_id, "1")
    ask = await question(ledger, run_id, "1")
    await ledger.decide_ask(ask, "denied", by="ann", via="cli", digest_seen="d")
    await decide(ledger, run_id, "2")
    await question(ledger, run_id, "2", planted="it deletes everything")
    await decide(ledger, run_id, "1", "deny", kind="gate-again")
    calls, later = await read(ledger, AGENT)
    assert [(one.asked, one.answer) for one in calls] == [(True, "denied"), (False, None)]
    assert later == 1


async def test_a_question_about_another_call_answers_nothing(ledger: Ledger, run_id: str) -> None:
    await decide(ledger, run_id, "1", digest="mine")
    await question(ledger, run_id, "1", digest="other")
    calls, _ = await read(ledger, AGENT)
    assert not calls[0].asked


@pytest.mark.parametrize("verdict", ["ask", "allow"])
async def test_what_a_person_said_to_a_rehearsal_is_their_answer(
    verdict: Any, ledger: Ledger, clock: FakeClock
) -> None:
    facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 4, "asked_level": None, "input": {}}
    await ledger.start_run("tried", agent=AGENT, fingerprint="f", started_at=START, shadow=True, **facts)
    for name in "123":
        clock.forward(seconds=1)
        decision = Decision(verdict=verdict, rule="ask.make", reason="")
        decided = Decided(position=f"main/gate/{name}", tool="shell", args_json=MAKE, digest=name, decision=decision)
        call: dict[str, Any] = {"tool": "shell", "args_json": MAKE, "bound": (), "digest": name, "verdict": verdict}
        call |= {"rule": "ask.make", "reason": "", "risk": "execute", "context_json": "{}", "item": None}
        await ledger.stage(Staged(run_id="tried", call_id=f"main/{name}", position=decided.position, **call), decided)
    await ledger.finish_run("tried", outcome="verified_noop", reason="")
    by: dict[str, Any] = {"by": "ann", "via": "cli", "because": "seen"}
    rows = await ledger.staged_of("tried")
    await ledger.refuse_staged("tried", {rows[0].staged_id: "1"}, **by)
    await ledger.approve_staged("tried", {rows[1].staged_id: "2"}, **by)
    calls, _ = await read(ledger, AGENT)
    assert [one.answer for one in calls] == ["denied", "approved", None]
    unsaid = {"ask": "unanswered", "allow": "allowed"}[verdict]
    assert [past_of(one) for one in calls] == ["denied", {"ask": "approved", "allow": "allowed"}[verdict], unsaid]
    found = await backtest(ledger, trial("shell"))
    assert found.changes["allows_denied"].count == 1
    assert refusal(found)


async def test_bounds_are_from_and_before(ledger: Ledger, run_id: str, clock: FakeClock) -> None:
    times = []
    for call in "123":
        times.append(clock.forward(minutes=1))
        await decide(ledger, run_id, call)
    calls, _ = await read(ledger, AGENT, since=times[1], until=times[2])
    assert [one.at for one in calls] == [times[1]]
    assert await ledger.count_decisions(AGENT, times[1], None) == 2
    assert await ledger.tools_decided(AGENT) == ["shell"]
    assert await ledger.agents_decided() == [AGENT]


async def test_what_a_run_had_read_and_heard_comes_with_it(ledger: Ledger, run_id: str, clock: FakeClock) -> None:
    await ledger.add_label(run_id, "untrusted", "a mail")
    ask = await question(ledger, run_id, "0", kind="answer")
    await ledger.decide_ask(ask, "answered", by="ann", via="cli", answer="the landlord")
    await ledger.record_step(run_id, "main/tool/9", kind="tool", name="find")
    clock.forward(minutes=1)
    await decide(ledger, run_id, "1")
    (one,), _ = await read(ledger, AGENT, lookups=["find"])
    assert one.run.labels == {"untrusted": START}
    assert one.run.answers == ((START, "the landlord"),)
    assert one.run.looked_up == START


async def test_a_whole_backtest_is_the_same_twice(ledger: Ledger, run_id: str, clock: FakeClock) -> None:
    for number in range(30):
        clock.forward(seconds=1)
        await decide(ledger, run_id, str(number))
    await ledger.decide_ask(await question(ledger, run_id, "3"), "denied", by="ann", via="cli", digest_seen="d")
    under = trial({"shell": "make ..."})
    first, second = [await backtest(ledger, under) for _ in range(2)]
    assert first.digest() == second.digest()
    assert (first.calls, first.changes["allows_denied"].count, first.changes["allows_asked"].count) == (30, 1, 29)
    warmed = await backtest(ledger, under, since=clock.now - timedelta(seconds=9.5))
    assert warmed.calls == 10


async def test_two_cores_come_to_what_one_comes_to(
    ledger: Ledger, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(9):
        await decide(ledger, run_id, str(number))
    alone = await backtest(ledger, trial({"shell": "make ..."}))
    monkeypatch.setattr("midwatch.backtest.play.WORTH", 1)
    monkeypatch.setattr("midwatch.backtest.play.cores", lambda: 2)
    assert (await backtest(ledger, trial({"shell": "make ..."}))).digest() == alone.digest()


async def test_an_override_stays_in_the_journal_with_its_reason(ledger: Ledger) -> None:
    facts: dict[str, Any] = {"rules": "f" * 64, "level": None, "allows": {"allows_denied": 2}}
    with pytest.raises(LedgerError, match="one of them is empty"):
        await ledger.record_override("owl", **facts, by="ann", because=" ")
    await ledger.record_override("owl", **facts, by="ann", because="they were mistakes")

    def last(tx: Read) -> dict[str, Any]:
        row = tx.first(select(journal).order_by(journal.c.seq.desc()).limit(1))
        assert row is not None
        assert row["kind"] == "backtest_override"
        return dict(json.loads(row["body"]))

    assert await ledger.read(last) == {"agent": "owl", **facts, "by": "ann", "because": "they were mistakes"}
