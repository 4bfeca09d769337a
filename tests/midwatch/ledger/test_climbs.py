"""Promotion: on evidence, by a person, one rung at a time; and every other way up, none of which works."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, text, update

from midwatch.breaker import Row
from midwatch.errors import LedgerError
from midwatch.halt import Target
from midwatch.ledger import Ledger
from midwatch.ledger.classes import move_class
from midwatch.ledger.levels import put_on
from midwatch.ledger.tables import class_moves, journal, levels
from midwatch.ledger.transaction import Write
from tests.midwatch.ledger.climbs import AGENT, MARK, OTHER, RULE, asked, by, climbed, nights, past, started
from tests.midwatch.ledger.conftest import START, FakeClock

DAY = timedelta(days=1)
FOREVER = START + 10_000 * DAY


async def allowed(ledger: Ledger, fingerprint: str = MARK.whole) -> list[str]:
    """What goes unasked now."""
    return sorted((await ledger.trust_in(AGENT, fingerprint, START)).allowed)


async def test_enough_evidence_and_a_person_let_a_class_go_unasked_and_the_agent_stands_at_4(ledger: Ledger) -> None:
    await climbed(ledger)
    stands = await ledger.level_standing(AGENT, START)
    assert stands.grant is not None
    assert (stands.level, stands.grant.basis, stands.is_wide) == (4, "earned", False)
    assert await allowed(ledger) == [RULE]


async def test_one_clean_action_too_few_is_refused_and_says_how_many_are_missing(ledger: Ledger) -> None:
    await past(ledger, 329)
    with pytest.raises(LedgerError, match=r"has not earned ask\.push: 3 more clean actions"):
        await ledger.promote_class(AGENT, RULE, by(), fingerprint=MARK.whole, ceiling=5)
    assert (await ledger.level_of(AGENT, START), await allowed(ledger)) == (3, [])


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ({"days": 9}, "clean actions on 1 more day: 9 of 10 so far"),
        ({"same": True}, "1 of 10 so far"),
        ({"risk": "money"}, "money is never allowed on evidence alone"),
        ({"risk": "egress"}, "more clean actions"),
        ({"mark": OTHER}, "more clean actions"),
        ({"since": START - timedelta(hours=20), "days": 1}, "wait for their window"),
        ({"rule": "ask.pull"}, "more clean actions"),
    ],
)
async def test_what_is_no_evidence_for_this_class_promotes_nobody(
    ledger: Ledger, what: dict[str, Any], said: str
) -> None:
    await past(ledger, **what)
    with pytest.raises(LedgerError, match=said):
        await ledger.promote_class(AGENT, RULE, by(), fingerprint=MARK.whole, ceiling=5)


async def test_what_no_evidence_is_enough_for_a_person_may_override_and_it_ends(
    ledger: Ledger, clock: FakeClock
) -> None:
    await past(ledger, risk="money")
    signed = by(because="the supplier is paid on Fridays", until=START + 30 * DAY)
    move = await ledger.promote_class(AGENT, RULE, signed, fingerprint=MARK.whole, ceiling=5)
    assert move.basis == "override"
    assert (await allowed(ledger), await ledger.level_of(AGENT, START)) == ([RULE], 4)
    assert (await ledger.level_standing(AGENT, START)).is_wide is False
    clock.forward(days=30)
    assert (await ledger.trust_in(AGENT, MARK.whole, clock.now)).allowed == {}
    assert await ledger.level_of(AGENT, clock.now) == 3
    assert [one.because for one in await ledger.moves_of(AGENT)] == ["the supplier is paid on Fridays"]


async def halted(ledger: Ledger) -> None:
    await ledger.halt(Target("agent", AGENT), by="anna", via="cli", because="a look")


async def broken(ledger: Ledger) -> None:
    run_id = await started(ledger, "failed", level=3)
    await ledger.finish_run(run_id, outcome="failed", reason="no")
    await ledger.open_breaker(AGENT, Row(cause="failed", failures=3), last_run=run_id, probe_at=START + DAY)


async def on_two(ledger: Ledger) -> None:
    await ledger.grant_level(AGENT, 2, by="anna", because="slowly")


async def forged(ledger: Ledger) -> None:
    await put(ledger, levels, level=5)


CLASS: dict[str, Any] = {"fingerprint": MARK.whole, "ceiling": 5}


@pytest.mark.parametrize(
    ("before", "change", "said"),
    [
        (halted, {}, "was halted.*nobody is promoted meanwhile"),
        (broken, {}, "breaker of owl is open"),
        (on_two, {}, "stands at level 2; no rung is skipped"),
        (forged, {}, "is not what the journal holds"),
        (None, {"ceiling": 3}, "has ceiling 3 in its file"),
        (None, {"signed": by("owl")}, "A person says both"),
        (None, {"signed": by("agent")}, "A person says both"),
        (None, {"signed": by(because=" ")}, "A person says both"),
        (None, {"signed": by(until=START + 91 * DAY)}, "ends within 90 days"),
        (None, {"rule": "default"}, "is no rule of its file"),
        (None, {"rule": "ask.push + default"}, "is no rule of its file"),
        (None, {"fingerprint": OTHER.whole}, "has not earned"),
    ],
)
async def test_a_class_that_has_earned_it_is_not_promoted_by_any_other_way(
    ledger: Ledger, before: Callable[[Ledger], Awaitable[None]] | None, change: dict[str, Any], said: str
) -> None:
    await past(ledger)
    if before is not None:
        await before(ledger)
    told = {"rule": RULE, "signed": by(), **CLASS, **change}
    with pytest.raises(LedgerError, match=said):
        await ledger.promote_class(AGENT, told.pop("rule"), told.pop("signed"), **told)
    assert await allowed(ledger) == []


async def test_a_halted_agent_is_not_granted_a_higher_level_and_may_be_granted_a_lower(ledger: Ledger) -> None:
    await halted(ledger)
    with pytest.raises(LedgerError, match="nobody is promoted meanwhile"):
        await ledger.grant_level(AGENT, 4, by="anna", because="now")
    await ledger.grant_level(AGENT, 2, by="anna", because="less")
    assert await ledger.level_of(AGENT, START) == 2


@pytest.mark.parametrize(
    ("before", "said"), [(broken, "breaker of owl is open"), (forged, "is not what the journal holds")]
)
async def test_nobody_is_granted_more_than_3_where_nobody_is_promoted(
    before: Callable[[Ledger], Awaitable[None]], said: str, ledger: Ledger
) -> None:
    await before(ledger)
    with pytest.raises(LedgerError, match=said):
        await ledger.grant_level(AGENT, 4, by="anna", because="now", until=START + DAY)
    await ledger.grant_level(AGENT, 3, by="anna", because="as it was")


@pytest.mark.parametrize(
    ("stands", "to", "change", "said"),
    [
        (3, 5, {}, "no rung is skipped, and the next one is 4"),
        (3, 4, {}, "no class of owl goes unasked"),
        (2, 3, {}, "needs no evidence"),
        (4, 5, {}, "has not earned level 5: 65 more clean runs"),
        (4, 5, {"ceiling": 4}, "has ceiling 4 in its file; level 5 is above it"),
        (3, 4, {"signed": by(until=START + 91 * DAY)}, "ends within 90 days"),
    ],
)
async def test_no_level_is_reached_by_a_way_that_is_none(
    ledger: Ledger, stands: Any, to: Any, change: dict[str, Any], said: str
) -> None:
    await ledger.grant_level(AGENT, stands, by="anna", because="a start", until=FOREVER)
    told = {"signed": by(), **CLASS, **change}
    with pytest.raises(LedgerError, match=said):
        await ledger.promote_level(AGENT, to, told.pop("signed"), **told)
    assert await ledger.level_of(AGENT, START) == stands


async def test_level_5_is_earned_by_runs_and_what_stands_in_for_somebody(ledger: Ledger) -> None:
    await climbed(ledger)
    await nights(ledger, 70)
    with pytest.raises(LedgerError, match="has not earned level 5: a contract"):
        await ledger.promote_level(AGENT, 5, by(), **CLASS, missing=("a contract",))
    await ledger.promote_level(AGENT, 5, by(), **CLASS)
    stands = await ledger.level_standing(AGENT, START)
    assert (stands.level, stands.is_wide) == (5, False)


async def put(ledger: Ledger, table: Any, **facts: Any) -> None:
    """A row by another hand than the ledger's."""
    usual: dict[str, Any] = {
        "agent": AGENT,
        "by": "anna",
        "because": "earned",
        "fingerprint": MARK.whole,
        "until": None,
    }
    if table is levels:
        usual |= {"granted_at": START, "basis": "override"}
    else:
        usual |= {"rule": RULE, "stands": "allow", "basis": "earned", "via": "cli", "evidence_json": "{}", "at": START}
    await ledger.write(lambda tx: tx.connection.execute(table.insert().values(**{**usual, **facts})), durable=True)


@pytest.mark.parametrize(("before", "stands"), [(None, 3), (2, 2), (3, 3), (4, 3)])
async def test_a_level_that_somebody_wrote_into_the_table_counts_for_nothing(
    ledger: Ledger, before: Any, stands: int
) -> None:
    if before is not None:
        await ledger.grant_level(AGENT, before, by="anna", because="a start")
    await put(ledger, levels, level=5)
    found = await ledger.level_standing(AGENT, START)
    assert (found.level, found.is_wide) == (stands, False)
    assert "is not what the journal holds" in found.doubt
    assert await ledger.lower_unseen(AGENT, since=START + DAY, because="nobody") is None


@pytest.mark.parametrize("by_whom", ["", " ", "midwatch", "Agent", AGENT])
async def test_a_level_or_a_class_that_no_person_has_signed_counts_for_nothing_however_well_it_is_chained(
    ledger: Ledger, by_whom: str
) -> None:
    await climbed(ledger)
    told: dict[str, Any] = {"by": by_whom, "because": "good", "until": FOREVER}
    forged = {"basis": "override", "fingerprint": MARK.whole, **told}
    await ledger.write(lambda tx: move_class(tx, AGENT, "ask.pay", "allow", **forged), durable=True)
    assert await allowed(ledger) == [RULE]
    await ledger.write(lambda tx: put_on(tx, AGENT, 5, basis="override", **told), durable=True)
    found = await ledger.level_standing(AGENT, START)
    assert (found.level, found.is_wide) == (3, False)
    assert "who is no person, so nothing above 3 counts" in found.doubt
    said = [str(one) for one in (await ledger.verify()).findings]
    assert [one for one in said if "class move 2" in one and "who is no person" in one]
    assert [one for one in said if "grant 2" in one and "who is no person" in one]
    await ledger.grant_level(AGENT, 2, by="anna", because="less")
    assert await ledger.level_of(AGENT, START) == 2


@pytest.mark.parametrize("change", [{"level": 5}, {"basis": "override"}, {"until": FOREVER}, {"fingerprint": None}])
async def test_a_level_that_somebody_changed_in_the_table_counts_for_nothing(
    ledger: Ledger, change: dict[str, Any]
) -> None:
    await climbed(ledger)
    await ledger.write(lambda tx: tx.connection.execute(update(levels).values(**change)), durable=True)
    found = await ledger.level_standing(AGENT, START)
    assert (found.level, found.is_wide) == (3, False)
    assert found.doubt


async def test_a_demotion_that_somebody_took_out_of_the_table_still_counts(ledger: Ledger) -> None:
    await climbed(ledger)
    await ledger.grant_level(AGENT, 2, by="anna", because="wrote to the wrong customer")
    last = delete(levels).where(levels.c.level == 2)
    await ledger.write(lambda tx: tx.connection.execute(last), durable=True)
    assert await ledger.level_of(AGENT, START) == 2


async def test_a_class_that_somebody_wrote_into_the_table_goes_on_asking(ledger: Ledger) -> None:
    await climbed(ledger)
    await put(ledger, class_moves, rule="ask.pay")
    assert await allowed(ledger) == [RULE]


async def test_a_fall_that_somebody_took_out_or_wrote_over_still_counts(ledger: Ledger) -> None:
    await climbed(ledger)
    run_id = await started(ledger)
    ask = await asked(ledger, run_id)
    await ledger.decide_ask(ask.ask_id, "denied", by="anna", via="cli")
    assert await allowed(ledger) == []
    await put(ledger, class_moves)
    assert await allowed(ledger) == []
    await ledger.write(
        lambda tx: tx.connection.execute(delete(class_moves).where(class_moves.c.basis == "fall")), durable=True
    )
    assert await allowed(ledger) == []


def rewritten(tx: Write) -> None:
    """The journal says it too, by a hand that forgot the hashes."""
    body = tx.connection.execute(text("SELECT body FROM journal WHERE kind = 'level_granted'")).scalar_one()
    changed = body.replace('"level":4', '"level":5')
    tx.connection.execute(update(journal).where(journal.c.kind == "level_granted").values(body=changed))
    tx.connection.execute(update(levels).values(level=5))


async def test_a_journal_that_somebody_rewrote_bears_nothing_out(ledger: Ledger) -> None:
    await climbed(ledger)
    triggers = "SELECT name FROM sqlite_master WHERE type = 'trigger'"

    def without_triggers(tx: Write) -> None:
        if tx.connection.dialect.name == "sqlite":
            for name in tx.connection.execute(text(triggers)).scalars().all():
                tx.connection.execute(text(f'DROP TRIGGER "{name}"'))
        else:
            tx.connection.execute(text("SET session_replication_role = replica"))
        rewritten(tx)

    await ledger.write(without_triggers, durable=True)
    assert await ledger.level_of(AGENT, START) == 3
