"""`verify`: every row is what the journal says of it, and every level follows from grants; what is not is named."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from midwatch.decision import Decision
from midwatch.ledger import Decided, Finding, Ledger, Signature, Verified
from midwatch.ledger.classes import move_class
from midwatch.ledger.levels import put_on
from midwatch.ledger.tables import asks, levels
from midwatch.ledger.transaction import Write
from tests.midwatch.ledger.climbs import AGENT as OWL
from tests.midwatch.ledger.climbs import MARK, RULE, asked, past, started
from tests.midwatch.ledger.conftest import FakeClock
from tests.midwatch.ledger.furnished import BY, FURNISHED, furnish


@pytest.fixture
async def told(ledger: Ledger, run_id: str, clock: FakeClock) -> Ledger:
    assert run_id == "run-1"
    await furnish(ledger, clock)
    return ledger


async def test_a_ledger_that_only_its_own_code_wrote_is_what_its_journal_says(told: Ledger) -> None:
    found = await told.verify()
    assert (found.ok, found.findings, found.untold) == (True, (), {})
    assert all(found.rows[table] for table in FURNISHED)
    assert found.entries == found.chain.rows


async def changed(ledger: Ledger, table: Any, column: str, value: Any) -> Verified:
    def work(tx: Write) -> None:
        tx.connection.execute(update(table).values({column: value}))

    await ledger.write(work, durable=True)
    return await ledger.verify()


async def test_a_changed_row_is_named_on_either_database(told: Ledger) -> None:
    (first, second) = (await changed(told, levels, "level", 5)).findings
    assert str(first).startswith("levels grant_id 1: level stands as 5; entry ")
    assert str(first).endswith(" says 4")
    assert (second.table, second.key, second.column, second.stands, second.says) == (
        "levels",
        {"grant_id": 2},
        "level",
        5,
        3,
    )
    named = (await changed(told, asks, "reason", "because I say so")).findings
    assert {(one.table, one.column) for one in named} == {("levels", "level"), ("asks", "reason")}


async def test_a_grant_that_no_person_could_give_is_named_though_the_ledger_wrote_it(
    ledger: Ledger, run_id: str
) -> None:
    def forged(tx: Write) -> None:
        told: dict[str, Any] = {"because": "I am ready", "until": None, "basis": "override"}
        put_on(tx, "night-owl", 5, by="night-owl", **told)

    await ledger.write(forged, durable=True)
    await ledger.grant_level("lark", 4, **BY)
    await ledger.grant_level("lark", 1, **BY)
    assert [one.words for one in (await ledger.verify()).findings] == [
        "grant 1 puts night-owl on level 5, and it stood at 3: a rung is skipped",
        "grant 1 puts night-owl on level 5, higher than the 3 before, by 'night-owl', who is no person",
        "grant 1 puts night-owl on level 5 without evidence, and without an end",
        "grant 2 puts lark on level 4 without evidence, and without an end",
    ]


async def test_a_run_above_what_was_granted_is_named(ledger: Ledger, clock: FakeClock) -> None:
    facts: dict[str, Any] = {"cause": "person", "slot": None, "asked_level": 5, "input": {}, "fingerprint": "f"}

    async def begin(run_id: str, level: Any) -> None:
        await ledger.start_run(run_id, agent="lark", level=level, started_at=clock(), **facts)

    await begin("early", 4)
    await ledger.grant_level("lark", 4, **BY, until=clock() + timedelta(hours=1))
    await begin("in time", 4)
    clock.forward(minutes=60, seconds=30)
    await begin("just over", 4)
    clock.forward(minutes=1)
    await begin("late", 4)
    assert [one.words for one in (await ledger.verify()).findings] == [
        f"run {run_id} of lark began at level 4, and 3 was the most that was granted" for run_id in ("early", "late")
    ]


def test_a_finding_says_what_stands_and_what_the_journal_says_in_one_line() -> None:
    found = Finding(
        what="changed",
        table="asks",
        key={"ask_id": "r:1"},
        column="args_json",
        stands="x" * 500,
        says={"sha256": "ab" * 32},
        seq=7,
    )
    assert len(str(found)) < 250
    assert str(found).endswith("entry 7 says a text with SHA-256 abababababab…")


async def unearned(ledger: Ledger) -> list[str]:
    return [str(one) for one in (await ledger.verify()).findings if one.what == "unearned"]


async def test_what_was_earned_is_counted_again_as_of_its_moment(ledger: Ledger, clock: FakeClock) -> None:
    await past(ledger)
    signed = Signature(by="anna", via="cli", because="a quiet month")
    await ledger.promote_class(OWL, RULE, signed, fingerprint=MARK.whole, ceiling=5)
    assert await unearned(ledger) == []
    clock.forward(days=1)
    await ledger.report_incident("past-3", severity="major", by="anna", via="cli", because="it overwrote a file")
    assert await unearned(ledger) == []

    def clean(tx: Write) -> None:
        tx.connection.execute(update(asks).where(asks.c.run_id < "past-15").values(verdict="denied"))

    await ledger.write(clean, durable=True)
    found = await unearned(ledger)
    assert found[0].startswith(
        f"class move 1 lets {RULE} of {OWL} go unasked, on climbs [[340, 0, 0]]; counted again it is [["
    )
    assert any("and the evidence was not enough: " in one for one in found)


@pytest.mark.parametrize("how", ["asked", "unasked"])
async def test_a_promotion_is_not_blamed_for_what_its_class_did_in_a_charged_run_afterwards(
    ledger: Ledger, clock: FakeClock, how: str
) -> None:
    await past(ledger)
    run_id = await started(ledger, level=3)
    await ledger.report_incident(run_id, severity="major", by="anna", via="cli", because="it read the wrong folder")
    clock.forward(minutes=1)
    signed = Signature(by="anna", via="cli", because="a quiet month")
    await ledger.promote_class(OWL, RULE, signed, fingerprint=MARK.whole, ceiling=5)
    clock.forward(minutes=1)
    if how == "asked":
        await asked(ledger, run_id, created_at=clock())
    else:
        decision = Decision(verdict="allow", rule=RULE, reason="nobody is asked")
        told = Decided(position="main/gate/c", tool="shell", args_json="{}", digest="d", decision=decision)
        await ledger.record_decision(run_id, told)
    assert await unearned(ledger) == []


async def test_a_class_that_nobody_opened_is_named_though_the_ledger_wrote_it(ledger: Ledger) -> None:
    def forged(tx: Write) -> None:
        move_class(tx, OWL, RULE, "allow", basis="fall", fingerprint="f", because="it felt ready")
        move_class(tx, OWL, RULE, "allow", basis="override", fingerprint="f", because="now", by="anna")
        move_class(tx, OWL, RULE, "allow", basis="earned", fingerprint="f", because="now", by="anna")

    await ledger.write(forged, durable=True)
    found = await unearned(ledger)
    said = f"lets {RULE} of {OWL} go unasked"
    assert found[:3] == [
        f"class move 1 {said}, by 'midwatch', who is no person (entry 1)",
        f"class move 1 {said} on no ground that there is (fall) (entry 1)",
        f"class move 2 {said} without evidence, and without an end (entry 2)",
    ]
    assert any(one.startswith(f"class move 3 {said}, on climbs None") for one in found)
