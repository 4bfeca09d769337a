"""Mandates: signed by a person, drawn as a call begins, exactly so often over all runs, and only while they stand."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import update

from midwatch.errors import LedgerError, WindowFull
from midwatch.ledger import Ask, Ledger
from midwatch.ledger.tables import mandates
from midwatch.mandate import WHOLE, Mandate, Terms
from midwatch.window import Draw, Window

Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture(autouse=True)
def _started(run_id: str) -> None:
    """Every call here belongs to run-1, of night-owl."""


def terms(clock: Any, **changes: Any) -> Terms:
    facts: dict[str, Any] = {
        "agent": "night-owl",
        "rules": ({"shell": "git push origin main"},),
        "tools": {"shell": "seal"},
        "uses": 2,
        "until": clock() + timedelta(days=1),
    }
    return Terms(**{**facts, **changes})


async def signed(ledger: Ledger, clock: Any, ask_id: str | None = None, **changes: Any) -> Mandate:
    who = {"by": "operator", "via": "cli", "because": "a release night"}
    return await ledger.grant_mandate(terms(clock, **changes), ask_id=ask_id, **who)


def use(it: Mandate) -> Draw:
    per = f"mandate {it.mandate_id}"
    window = Window(rule=it.rule, measure="uses", most=Decimal(it.uses), length=WHOLE, per=per)
    return Draw(window=window, amount=Decimal(1), held=True, mandate=it.mandate_id)


async def push(ledger: Ledger, call_id: str, it: Mandate, run_id: str = "run-1") -> int:
    effect: dict[str, Any] = {"digest": "d", "tool": "shell", "args_json": "{}", "idempotency_key": f"k{call_id}"}
    return (await ledger.reserve(run_id, call_id, **effect, taken=[use(it)])).effect_id


async def used(ledger: Ledger) -> list[int]:
    return [one.used for one in await ledger.mandates_of("night-owl")]


async def test_what_was_signed_is_read_back_as_it_was(ledger: Ledger, clock: Any) -> None:
    rules = ({"pay": {"amount": {"max": Decimal("9.50")}, "to": ["a", "b"], "currency": "EUR"}}, "mail")
    await signed(ledger, clock, rules=rules, summed="amount", most=Decimal("500.10"))
    (one,) = await ledger.mandates_of("night-owl")
    it = one.mandate
    assert (it.rules, it.tools, it.summed, it.most) == (rules, {"shell": "seal"}, "amount", Decimal("500.10"))
    assert (it.by, it.via, it.because, it.created_at, one.used) == ("operator", "cli", "a release night", clock(), 0)


@pytest.mark.parametrize("changes", [{"by": "night-owl"}, {"by": "model"}, {"because": " "}])
async def test_nobody_but_a_person_with_a_reason_signs_one(ledger: Ledger, clock: Any, changes: dict[str, str]) -> None:
    with pytest.raises(LedgerError, match="no mandate for 'night-owl'"):
        await ledger.grant_mandate(terms(clock), **{"by": "operator", "via": "cli", "because": "b", **changes})
    assert await ledger.mandates_of() == []


@pytest.mark.parametrize("changes", [{"uses": 1001}, {"days": 91}, {"days": 0}])
async def test_none_stands_without_an_end(ledger: Ledger, clock: Any, changes: dict[str, Any]) -> None:
    if (days := changes.pop("days", None)) is not None:
        changes["until"] = clock() + timedelta(days=days)
    with pytest.raises(LedgerError, match="no mandate for"):
        await signed(ledger, clock, **changes)


async def test_it_stands_for_its_agent_until_its_end_or_its_revocation(ledger: Ledger, clock: Any) -> None:
    first, second = [await signed(ledger, clock) for _ in range(2)]
    assert [it.mandate_id for it in await ledger.mandates_in_force("night-owl", clock())] == [1, 2]
    assert await ledger.mandates_in_force("day-owl", clock()) == []
    await ledger.revoke_mandate(first.mandate_id, by="ann", because="done")
    assert [it.mandate_id for it in await ledger.mandates_in_force("night-owl", clock())] == [second.mandate_id]
    assert await ledger.mandates_in_force("night-owl", clock.forward(days=1)) == []


async def test_it_is_revoked_once_by_somebody_with_a_reason(ledger: Ledger, clock: Any) -> None:
    it = await signed(ledger, clock)
    with pytest.raises(LedgerError, match="One of them is empty"):
        await ledger.revoke_mandate(it.mandate_id, by="ann", because="")
    await ledger.revoke_mandate(it.mandate_id, by="ann", because="done")
    with pytest.raises(LedgerError, match="was revoked by ann: done"):
        await ledger.revoke_mandate(it.mandate_id, by="bob", because="again")
    with pytest.raises(LedgerError, match="no mandate 99"):
        await ledger.revoke_mandate(99, by="ann", because="x")


async def test_the_use_after_the_last_reserves_nothing(ledger: Ledger, clock: Any) -> None:
    it = await signed(ledger, clock)
    for call_id in ("a", "b"):
        await push(ledger, call_id, it)
    with pytest.raises(WindowFull, match="2 of 2 in mandate 1 are spent; this call takes 1"):
        await push(ledger, "c", it)
    assert [row.call_id for row in await ledger.effects_of("run-1")] == ["a", "b"]
    clock.forward(hours=23)
    with pytest.raises(WindowFull):
        await push(ledger, "d", it)


async def test_a_replayed_call_is_one_use(ledger: Ledger, clock: Any) -> None:
    it = await signed(ledger, clock)
    for _ in range(3):
        await push(ledger, "a", it)
    assert await used(ledger) == [1]


async def test_what_did_not_happen_gives_its_use_back(ledger: Ledger, clock: Any) -> None:
    it = await signed(ledger, clock)
    effect_id = await push(ledger, "a", it)
    await ledger.release(effect_id)
    assert await used(ledger) == [0]
    await push(ledger, "a", it)
    assert await used(ledger) == [1]


async def test_what_ended_since_the_gate_looked_is_not_drawn(ledger: Ledger, clock: Any) -> None:
    over, revoked = [await signed(ledger, clock, uses=9) for _ in range(2)]
    await push(ledger, "a", over)
    await ledger.revoke_mandate(revoked.mandate_id, by="ann", because="enough")
    with pytest.raises(WindowFull, match="mandate 2 was revoked by ann"):
        await push(ledger, "b", revoked)
    clock.forward(days=1)
    with pytest.raises(WindowFull, match="mandate 1 ended at 2026-03-02 03:00 UTC"):
        await push(ledger, "c", over)
    await push(ledger, "a", over)  # it began while the mandate stood
    assert [row.call_id for row in await ledger.effects_of("run-1")] == ["a"]


async def test_nobody_draws_from_another_agents_mandate(ledger: Ledger, clock: Any) -> None:
    with pytest.raises(WindowFull, match="another agent's"):
        await push(ledger, "a", await signed(ledger, clock, agent="day-owl"))


async def test_one_that_cannot_be_read_any_more_says_nothing(ledger: Ledger, clock: Any) -> None:
    await signed(ledger, clock)
    broken = update(mandates).values(rules_json="{'shell'")
    await ledger.write(lambda tx: tx.connection.execute(broken), durable=True)
    (it,) = await ledger.mandates_in_force("night-owl", clock())
    assert (it.rules, it.tools) == ((), {})


async def asked(ledger: Ledger, clock: Any, verdict: str | None = None, **changes: Any) -> str:
    facts: dict[str, Any] = {"ask_id": "ask", "run_id": "run-1", "call_id": "c", "tool": "shell", "args_json": "{}"}
    facts |= {"digest": "d", "kind": "approve", "rule": "r", "reason": "", "words": "", "created_at": clock()}
    await ledger.open_ask(Ask(**{**facts, "deadline": clock() + timedelta(hours=1), **changes}))
    if verdict is not None:
        decided: Any = verdict
        await ledger.decide_ask("ask", decided, by="operator", via="cli", digest_seen="d")
    return "ask"


async def test_one_that_was_offered_on_a_question_needs_a_yes_to_it(ledger: Ledger, clock: Any) -> None:
    with pytest.raises(LedgerError, match="nobody said yes to question 'ask'"):
        await signed(ledger, clock, await asked(ledger, clock))
    await ledger.decide_ask("ask", "approved", by="operator", via="cli", digest_seen="d")
    assert (await signed(ledger, clock, "ask")).ask_id == "ask"
    with pytest.raises(LedgerError, match="mandate 1 was signed on question 'ask' already"):
        await signed(ledger, clock, "ask")
    with pytest.raises(LedgerError, match="not one about a call of day-owl"):
        await signed(ledger, clock, "ask", agent="day-owl")


async def test_a_denied_question_carries_none(ledger: Ledger, clock: Any) -> None:
    with pytest.raises(LedgerError, match="nobody said yes"):
        await signed(ledger, clock, await asked(ledger, clock, "denied"))


async def test_a_planted_question_carries_none_though_somebody_said_yes(ledger: Ledger, clock: Any) -> None:
    ask_id = await asked(ledger, clock, "approved", planted="it pays the wrong account")
    with pytest.raises(LedgerError, match="was planted"):
        await signed(ledger, clock, ask_id)
    assert await ledger.mandates_of() == []


async def test_signing_drawing_and_revoking_stand_in_the_journal(ledger: Ledger, clock: Any) -> None:
    it = await signed(ledger, clock)
    await push(ledger, "a", it)
    await ledger.revoke_mandate(it.mandate_id, by="ann", because="done")
    report = await ledger.verify_chain()
    assert (report.ok, report.rows) == (True, 5)


RACE = """
import asyncio, json, sys
from datetime import UTC, datetime
from decimal import Decimal
from midwatch.errors import WindowFull
from midwatch.ledger import Ledger
from midwatch.mandate import WHOLE
from midwatch.window import Draw, Window

WINDOW = Window(rule="mandate.1", measure="uses", most=Decimal(25), length=WHOLE, per="mandate 1")

async def race(url, me):
    async with Ledger.open(url) as ledger:
        run = dict(cause="event", slot=me, level=4, asked_level=None, input={}, fingerprint="f")
        await ledger.start_run(me, agent="night-owl", started_at=datetime.now(UTC), **run)
        print("ready", flush=True)
        sys.stdin.readline()
        taken = 0
        for number in range(40):
            call = dict(digest="d", tool="shell", args_json="{}", idempotency_key=f"{me}{number}")
            try:
                draw = Draw(window=WINDOW, amount=Decimal(1), held=True, mandate=1)
                await ledger.reserve(me, f"c{number}", taken=[draw], **call)
                taken += 1
            except WindowFull:
                pass
        print(json.dumps(taken), flush=True)

asyncio.run(race(*sys.argv[1:]))
"""


async def test_two_processes_together_take_exactly_as_many_uses_as_were_signed(url: str, spawn: Spawn) -> None:
    async with Ledger.open(url) as ledger:
        await signed(ledger, lambda: datetime.now(UTC), uses=25)
        racers = [spawn(RACE, url, me) for me in ("one", "other")]
        said = [await asyncio.to_thread(racer.stdout.readline) for racer in racers if racer.stdout]
        assert said == ["ready\n", "ready\n"]
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        taken = [json.loads(await asyncio.to_thread(racer.stdout.readline)) for racer in racers if racer.stdout]
        assert sum(taken) == 25
        assert await used(ledger) == [25]
        assert (await ledger.verify_chain()).ok


async def test_two_connections_that_race_for_the_last_use_take_it_once(ledger: Ledger, url: str, clock: Any) -> None:
    it = await signed(ledger, clock, uses=1)
    async with Ledger.open(url, clock=clock) as other:
        tried = await asyncio.gather(push(ledger, "a", it), push(other, "b", it), return_exceptions=True)
    assert sorted(type(one).__name__ for one in tried) == ["WindowFull", "int"]
    assert await used(ledger) == [1]
