"""Staged calls: kept once, decided by a person, taken by one run, and settled as that ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from midwatch.decision import Decision
from midwatch.errors import LedgerError
from midwatch.ledger import Decided, Ledger, Staged, StagedRow
from midwatch.ledger.tables import staged

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
A_DAY = timedelta(days=1)


async def begun(ledger: Ledger, run_id: str, **changes: Any) -> None:
    facts: dict[str, Any] = {"agent": "owl", "cause": "person", "slot": None, "level": 3, "asked_level": None}
    await ledger.start_run(run_id, **{**facts, "input": {}, "fingerprint": "f", "started_at": NOW, **changes})


async def stage(ledger: Ledger, name: str, **changes: Any) -> StagedRow:
    facts: dict[str, Any] = {
        "run_id": "night",
        "call_id": f"main/{name}",
        "position": f"main/gate/{name}",
        "item": None,
        "tool": "pay",
        "args_json": f'{{"to":"{name}"}}',
        "bound": ("to",),
        "digest": f"digest of {name}",
        "verdict": "ask",
        "rule": "ask.pay",
        "reason": "it is money",
        "risk": "money",
        "context_json": "{}",
    }
    call = Staged(**{**facts, **changes})
    decision = Decision(verdict=call.verdict, rule=call.rule, reason=call.reason)
    decided = Decided(
        position=call.position, tool=call.tool, args_json=call.args_json, digest=call.digest, decision=decision
    )
    return await ledger.stage(call, decided)


async def rehearsed(ledger: Ledger, *names: str) -> list[StagedRow]:
    """A rehearsal that has ended, and the run that is to execute what it has staged."""
    await begun(ledger, "night", shadow=True)
    rows = [await stage(ledger, name) for name in names]
    await ledger.finish_run("night", outcome="rehearsed", reason="staged")
    await begun(ledger, "morning")
    return rows


async def approve(ledger: Ledger, *rows: StagedRow, by: str = "anna", because: str = "right") -> list[StagedRow]:
    seen = {row.staged_id: row.digest for row in rows}
    return await ledger.approve_staged("night", seen, by=by, via="cli", because=because)


async def states(ledger: Ledger) -> list[str]:
    return [row.state for row in await ledger.staged_of("night")]


async def test_what_is_staged_comes_out_as_it_went_in_with_its_decision_and_journal_entry(ledger: Ledger) -> None:
    await begun(ledger, "night", shadow=True)
    row = await stage(ledger, "a")
    assert (row.bound, row.state, row.conversation, row.tool_call_id) == (("to",), "staged", "main", "a")
    assert await ledger.staged_of("night") == [row]
    assert [decision.position for decision in await ledger.decisions_of("night")] == ["main/gate/a"]
    assert (await ledger.verify_chain()).ok


async def test_the_same_call_is_staged_once_and_another_under_its_id_is_refused(ledger: Ledger) -> None:
    await begun(ledger, "night", shadow=True)
    first = await stage(ledger, "a")
    assert await stage(ledger, "a") == first
    with pytest.raises(LedgerError, match="was staged as another one"):
        await stage(ledger, "a", digest="another")


async def test_nothing_is_staged_in_a_run_that_is_no_rehearsal_or_is_over(ledger: Ledger) -> None:
    await rehearsed(ledger)
    for run_id in ("night", "morning"):
        with pytest.raises(LedgerError, match="no rehearsal that is under way"):
            await stage(ledger, "a", run_id=run_id)


async def test_a_rehearsal_stays_one_whatever_a_later_life_says(ledger: Ledger) -> None:
    await begun(ledger, "night", shadow=True)
    await begun(ledger, "night", shadow=False)
    with pytest.raises(LedgerError, match="is a rehearsal"):
        await ledger.reserve("night", "main/a", digest="d", tool="pay", args_json="{}", idempotency_key="k")


async def test_nobody_decides_before_the_rehearsal_is_over(ledger: Ledger) -> None:
    await begun(ledger, "night", shadow=True)
    row = await stage(ledger, "a")
    with pytest.raises(LedgerError, match="still under way"):
        await approve(ledger, row)


@pytest.mark.parametrize(("by", "because"), [("owl", "right"), ("agent", "right"), ("", "right"), ("anna", " ")])
async def test_a_yes_is_a_persons_and_has_a_reason(ledger: Ledger, by: str, because: str) -> None:
    (row,) = await rehearsed(ledger, "a")
    with pytest.raises(LedgerError, match="a person decides"):
        await approve(ledger, row, by=by, because=because)


async def test_a_yes_to_another_call_than_the_one_that_is_there_is_none(ledger: Ledger) -> None:
    (row,) = await rehearsed(ledger, "a")
    with pytest.raises(LedgerError, match="not the one that was shown"):
        await ledger.approve_staged("night", {row.staged_id: "other"}, by="anna", via="cli", because="right")
    with pytest.raises(LedgerError, match="has staged no such call"):
        await ledger.approve_staged("night", {999: row.digest}, by="anna", via="cli", because="right")
    assert await states(ledger) == ["staged"]


async def test_what_was_refused_cannot_be_approved(ledger: Ledger) -> None:
    one, other = await rehearsed(ledger, "a", "b")
    await ledger.refuse_staged("night", {one.staged_id: one.digest}, by="anna", via="cli", because="no")
    with pytest.raises(LedgerError, match="is refused already"):
        await approve(ledger, one, other)
    assert await states(ledger) == ["refused", "staged"]


async def test_a_run_takes_what_is_approved_once_and_each_call_stands_on_an_answered_question(ledger: Ledger) -> None:
    one, _ = await rehearsed(ledger, "a", "b")
    await approve(ledger, one)
    await begun(ledger, "other")
    taken = await ledger.take_staged("night", "morning", A_DAY)
    assert await ledger.take_staged("night", "morning", A_DAY) == taken
    assert ([row.call_id for row in taken], await ledger.take_staged("night", "other", A_DAY)) == (["main/a"], [])
    (ask,) = await ledger.asks_of("morning")
    assert (ask.ask_id, ask.verdict, ask.by, ask.granted_digest) == ("morning:main:a", "approved", "anna", one.digest)
    with pytest.raises(LedgerError, match="is approved already, in run morning"):
        await approve(ledger, one)


async def test_a_run_of_another_agent_takes_nothing(ledger: Ledger) -> None:
    (row,) = await rehearsed(ledger, "a")
    await approve(ledger, row)
    await begun(ledger, "cat's", agent="cat")
    with pytest.raises(LedgerError, match="cannot carry out"):
        await ledger.take_staged("night", "cat's", A_DAY)


async def test_an_approval_is_good_for_one_effect_of_that_run_and_for_no_other_call(ledger: Ledger) -> None:
    (row,) = await rehearsed(ledger, "a")
    await approve(ledger, row)
    await ledger.take_staged("night", "morning", A_DAY)
    effect: dict[str, Any] = {"tool": "pay", "args_json": "{}", "idempotency_key": "k", "ask_id": "morning:main:a"}
    for call_id, digest in (("main/a", "other"), ("main/b", row.digest)):
        with pytest.raises(LedgerError, match="the yes is not good"):
            await ledger.reserve("morning", call_id, digest=digest, **effect)
    assert (await ledger.reserve("morning", "main/a", digest=row.digest, **effect)).state == "reserved"
    with pytest.raises(LedgerError, match="the yes is not good"):
        await ledger.reserve("morning", "main/c", digest=row.digest, **effect)


async def test_what_a_rehearsal_had_read_its_execution_counts_as_having_read(ledger: Ledger) -> None:
    (row,) = await rehearsed(ledger, "a")
    await ledger.add_label("night", "untrusted", "it read the web")
    await approve(ledger, row)
    await ledger.take_staged("night", "morning", A_DAY)
    assert await ledger.labels_of("morning") == {"untrusted"}


async def done(ledger: Ledger, row: StagedRow, *, release: bool = False) -> None:
    facts: dict[str, Any] = {"tool": "pay", "args_json": "{}", "idempotency_key": row.call_id}
    ask_id = f"morning:main:{row.tool_call_id}"
    effect = await ledger.reserve("morning", row.call_id, digest=row.digest, ask_id=ask_id, **facts)
    if release:
        await ledger.release(effect.effect_id)
    else:
        await ledger.consume(effect.effect_id, '"paid"')


async def test_the_end_of_a_run_says_what_became_of_each_call(ledger: Ledger) -> None:
    rows = await rehearsed(ledger, "done", "denied", "released", "cut", "never")
    await approve(ledger, *rows)
    await ledger.take_staged("night", "morning", A_DAY)
    await done(ledger, rows[0])
    no = Decision(verdict="deny", rule="stale", reason="it changed")
    denied = Decided(position="main/gate/denied", tool="pay", args_json="{}", digest="d", decision=no)
    await ledger.record_decision("morning", denied)
    await done(ledger, rows[2], release=True)
    facts: dict[str, Any] = {"tool": "pay", "args_json": "{}", "idempotency_key": "cut", "ask_id": "morning:main:cut"}
    await ledger.reserve("morning", "main/cut", digest=rows[3].digest, **facts)
    await ledger.finish_run("morning", outcome="blocked", reason="halted", ending="halted")
    assert await states(ledger) == ["executed", "stale", "staged", "executed", "staged"]
    why = [row.why for row in await ledger.staged_of("night")]
    assert (why[1], "ended in the middle" in why[3]) == ("stale: it changed", True)
    assert [row.executing_run for row in await ledger.staged_of("night")][-1] is None
    assert (await ledger.verify_chain()).ok


async def test_a_run_that_came_to_its_end_leaves_what_it_could_not_call_stale(ledger: Ledger) -> None:
    (row,) = await rehearsed(ledger, "a")
    await approve(ledger, row)
    await ledger.take_staged("night", "morning", A_DAY)
    await ledger.finish_run("morning", outcome="unverified", reason="done")
    assert await states(ledger) == ["stale"]


async def test_what_waits_is_listed_until_it_is_decided_and_taken(ledger: Ledger) -> None:
    one, other = await rehearsed(ledger, "a", "b")
    await ledger.refuse_staged("night", {other.staged_id: other.digest}, by="anna", via="cli", because="no")
    assert [row.call_id for row in await ledger.staged_waiting()] == ["main/a"]
    await approve(ledger, one)
    assert [row.state for row in await ledger.staged_waiting()] == ["approved"]
    await ledger.take_staged("night", "morning", A_DAY)
    assert await ledger.staged_waiting() == []


async def test_a_rehearsal_counts_for_nothing_that_is_learnt_from_runs(ledger: Ledger) -> None:
    since, mark = NOW - A_DAY, await ledger.chain_mark("other", "after owl")
    await begun(ledger, "bad", shadow=True)
    await ledger.finish_run("bad", outcome="failed", reason="no")
    await begun(ledger, "good", shadow=True)
    await ledger.finish_run("good", outcome="verified_noop", reason="nothing to do")
    assert await ledger.ended_runs("owl", limit=9) == []
    assert await ledger.counted_run("bad") is None
    assert await ledger.agents_ended_since(since) == []
    assert await ledger.ended_since(since) == []
    assert await ledger.green_after("owl", "bad") is None
    assert await ledger.last_green("owl") is None
    assert (await ledger.endings_after(mark, "owl")).rows == ()
    assert (await ledger.gauges(since)).ended == ()


@pytest.mark.parametrize("hand", ["changed", "never_approved"])
async def test_a_row_by_another_hand_gets_no_yes(hand: str, ledger: Ledger) -> None:
    (row,) = await rehearsed(ledger, "a")
    if hand == "changed":
        await approve(ledger, row)
        values: dict[str, Any] = {"args_json": '{"to":"somebody else"}', "digest": "another"}
    else:
        values = {"state": "approved", "round": 1, "by": "anna", "via": "cli", "because": "right", "decided_at": NOW}
    await ledger.write(lambda tx: tx.connection.execute(update(staged).values(**values)), durable=True)
    with pytest.raises(LedgerError, match="not what the journal says"):
        await ledger.take_staged("night", "morning", A_DAY)
    assert await ledger.asks_of("morning") == []
