"""What a changed agent has from what it was: nothing by itself; a share, once it has passed, where the operator says so."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from midwatch.errors import LedgerError
from midwatch.evals import MIN_CASES, Tried
from midwatch.ladder import Tally
from midwatch.ladder_view import view_of
from midwatch.ledger import Ledger
from midwatch.ledger.evidence import Record, as_told
from midwatch.ledger.tables import class_moves, eval_results
from midwatch.rung_five import StandIns
from tests.midwatch.ledger.climbs import AGENT, MARK, OTHER, RULE, by, past, spec
from tests.midwatch.ledger.conftest import START

NEW = OTHER.whole
"""The agent after a change; `MARK` is what it was."""


async def tried(
    ledger: Ledger,
    *,
    eval_id: str = "e1",
    cases: int = MIN_CASES,
    failing: int = 0,
    mark: str = NEW,
    of: str = "past",
) -> None:
    found = [
        Tried(case_run=f"{of}-{case}", missing=("x",) if case < failing else (), extra=(), not_on_record=(), fault="")
        for case in range(cases)
    ]
    await ledger.record_eval(eval_id, agent=AGENT, fingerprint=mark, model="local", tried=found)


async def record(ledger: Ledger, share: float = 0.5) -> Record:
    return await ledger.class_record(AGENT, RULE, NEW, START, share=share)


async def own(ledger: Ledger, count: int = 30, **told: Any) -> None:
    """Of the changed agent."""
    await past(ledger, count, mark=OTHER, name="own", since=START - timedelta(days=30), **told)


async def test_by_itself_nothing_is_inherited(ledger: Ledger) -> None:
    await past(ledger)
    await own(ledger)
    await tried(ledger)
    found = await record(ledger, share=0)
    assert (found.inherited, found.evidence.climbs) == (None, (Tally(clean=30),))
    assert found == await ledger.class_record(AGENT, RULE, NEW, START)


async def test_who_has_passed_inherits_the_share_that_the_operator_has_set(ledger: Ledger) -> None:
    await past(ledger)
    await own(ledger)
    await tried(ledger)
    found = await record(ledger)
    assert found.evidence.climbs == (Tally(clean=170 + 30),)
    assert found.inherited is not None
    assert (found.inherited.fingerprint, found.inherited.eval_id) == (MARK.whole, "e1")
    assert (found.evidence.days, found.evidence.inputs) == (20, 30)
    assert "200 clean actions (170 of them inherited) on 20 days" in as_told(found)


@pytest.mark.parametrize(
    "eval_of",
    [
        [],
        [{"cases": MIN_CASES - 1}],
        [{"failing": 1}],
        [{"mark": MARK.whole}],
        [{"of": "own"}],
        [{}, {"eval_id": "e2", "failing": 1}],
    ],
)
async def test_who_has_not_passed_as_it_is_inherits_nothing(ledger: Ledger, eval_of: list[dict[str, Any]]) -> None:
    await past(ledger)
    await own(ledger)
    for one in eval_of:
        await tried(ledger, **one)
    assert (await record(ledger, share=1)).inherited is None


async def test_what_was_bad_is_inherited_whole_and_what_helps_nobody_is_left(ledger: Ledger) -> None:
    await past(ledger)
    await ledger.report_incident("past-3", severity="major", by="anna", via="cli", because="it overwrote a file")
    await own(ledger)
    await tried(ledger)
    (climb,) = (await record(ledger)).evidence.climbs
    assert climb == Tally(clean=30, minor=0, major=0)
    (whole,) = (await record(ledger, share=1)).evidence.climbs
    assert (whole.major, whole.clean > 300) == (1, True)


async def test_it_needs_days_and_inputs_of_its_own(ledger: Ledger) -> None:
    await past(ledger)
    await own(ledger, 9, days=9)
    await tried(ledger)
    missing = (await record(ledger, share=1)).verdict.missing
    assert missing == (
        "clean actions on 1 more day: 9 of 10 so far",
        "clean actions with 1 more distinct input: 9 of 10 so far",
    )


async def test_a_person_promotes_on_it_and_it_can_be_counted_again(ledger: Ledger) -> None:
    await past(ledger)
    await own(ledger)
    await tried(ledger)
    facts: dict[str, Any] = {"fingerprint": NEW, "ceiling": 5}
    with pytest.raises(LedgerError, match="302 more clean actions"):
        await ledger.promote_class(AGENT, RULE, by(), **facts)
    await ledger.promote_class(AGENT, RULE, by(), **facts, share=1)
    assert await unearned(ledger) == []

    def failed(tx: Any) -> None:
        tx.connection.execute(update(eval_results).where(eval_results.c.case_run == "past-0").values(passed=False))

    await ledger.write(failed, durable=True)
    assert "on climbs [[370, 0, 0]]; counted again it is [[30, 0, 0]]" in (await unearned(ledger))[0]
    altered = [one for one in (await ledger.verify()).findings if one.table == "eval_results"]
    assert [one.column for one in altered] == ["passed"]


async def unearned(ledger: Ledger) -> list[str]:
    return [str(one) for one in (await ledger.verify()).findings if one.what == "unearned"]


async def test_a_share_that_is_none_counts_as_nothing_when_it_is_counted_again(ledger: Ledger) -> None:
    await past(ledger)
    await own(ledger)
    await tried(ledger)
    await ledger.promote_class(AGENT, RULE, by(), fingerprint=NEW, ceiling=5, share=1)

    def more(tx: Any) -> None:
        tx.connection.execute(update(class_moves).values(evidence_json='{"inherited": {"share": 40}}'))

    await ledger.write(more, durable=True)
    assert any("counted again it is [[30, 0, 0]]" in one for one in await unearned(ledger))


async def test_where_it_stands_shows_what_was_inherited_in_words_and_in_the_curve(ledger: Ledger) -> None:
    await past(ledger)
    await own(ledger)
    await tried(ledger)
    unseen = StandIns(layers=None, halt_check=None, ping_taken=None, worth="")
    changed = spec(instructions="otherwise", inherit=0.5)
    await ledger.see_fingerprint(AGENT, OTHER)
    (rung,) = (await view_of(ledger, changed, unseen, START)).classes
    assert "(170 of them inherited)" in rung.words
    assert len(rung.points) == 200
    assert rung.points[-1] == pytest.approx(rung.record.verdict.log_e)
