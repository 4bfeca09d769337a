"""Evidence is read from the record: what a person said, what then ran, what is held against it; and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from midwatch.ask_context import AskContext
from midwatch.ladder import Tally
from midwatch.ledger import IncidentSeverity, Ledger, Record
from midwatch.ledger.tables import asks, effects, runs
from tests.midwatch.ledger.climbs import AGENT, MARK, RULE, nights, past
from tests.midwatch.ledger.conftest import START

DAY = timedelta(days=1)


async def record(ledger: Ledger) -> Record:
    return await ledger.class_record(AGENT, RULE, MARK.whole, START)


async def change(ledger: Ledger, table: Any, **values: Any) -> None:
    await ledger.write(lambda tx: tx.connection.execute(update(table).values(**values)), durable=True)


async def test_what_was_approved_and_ran_is_clean_once_its_window_is_over(ledger: Ledger) -> None:
    await past(ledger, 60)
    found = await record(ledger)
    assert (found.evidence.climbs, found.evidence.days, found.evidence.inputs) == ((Tally(clean=60),), 20, 60)
    assert found.risk == "write"


@pytest.mark.parametrize(("verdict", "tally"), [("denied", Tally(major=60)), ("edited", Tally(minor=60))])
async def test_a_no_is_major_and_a_change_is_minor(ledger: Ledger, verdict: str, tally: Tally) -> None:
    await past(ledger, 60, verdict=verdict)
    assert (await record(ledger)).evidence.climbs == (tally,)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        (asks, {"planted": "a test"}),
        (asks, {"verdict": "expired"}),
        (asks, {"verdict": "taken_over"}),
        (asks, {"verdict": None}),
        (asks, {"kind": "answer"}),
        (asks, {"rule": "ask.other"}),
        (effects, {"state": "released"}),
        (effects, {"state": "reserved"}),
        (effects, {"result_json": '{"message": "The tool failed: no", "kind": "tool_failed"}'}),
        (runs, {"outcome": "failed"}),
        (runs, {"evidence": "another"}),
        (runs, {"shadow": True}),
    ],
)
async def test_what_is_no_evidence_is_not_counted(ledger: Ledger, table: Any, values: dict[str, Any]) -> None:
    await past(ledger, 60)
    await change(ledger, table, **values)
    assert (await record(ledger)).evidence.climbs == (Tally(),)


@pytest.mark.parametrize(("risk", "clean", "waits"), [("write", 2, 0), ("egress", 0, 2)])
async def test_what_goes_out_waits_longer_than_what_can_be_put_back(
    ledger: Ledger, risk: str, clean: int, waits: int
) -> None:
    await past(ledger, 2, risk=risk, days=2, since=START - 3 * DAY)
    evidence = (await record(ledger)).evidence
    assert (evidence.climb.clean, evidence.unripe) == (clean, waits)


async def test_the_worst_of_its_tools_is_the_risk_of_a_class(ledger: Ledger) -> None:
    await past(ledger, 4, risk="execute")
    await past(ledger, 4, risk="money", name="paid")
    paid = update(asks).where(asks.c.ask_id.like("paid%")).values(tool="pay")
    await ledger.write(lambda tx: tx.connection.execute(paid), durable=True)
    assert (await record(ledger)).risk == "money"
    await change(ledger, asks, context_json=AskContext().model_dump_json())
    assert (await record(ledger)).risk == "execute"


async def test_a_run_that_is_charged_as_a_whole_counts_once_and_the_rest_of_it_says_nothing(ledger: Ledger) -> None:
    await past(ledger, 60, days=20)
    await ledger.report_incident("past-3", severity="major", by="anna", via="cli", because="all of it was wrong")
    assert (await record(ledger)).evidence.climbs == (Tally(clean=57, major=1),)


async def test_a_call_that_is_charged_counts_for_itself_however_late_and_a_worse_charge_wins(ledger: Ledger) -> None:
    await past(ledger, 60)
    said: dict[str, Any] = {"by": "anna", "via": "cli", "because": "no", "call_id": "main/c3"}
    await ledger.report_incident("past-3", severity="minor", **said)
    assert (await record(ledger)).evidence.climbs == (Tally(clean=59, minor=1),)
    await ledger.report_incident("past-3", severity="major", **said)
    found = await record(ledger)
    assert found.evidence.climbs == (Tally(clean=59, major=1),)
    assert [action.why for action in found.actions if action.severity] == ["major incident, anna: no"]


async def test_people_who_let_tests_pass_make_more_evidence_needed(ledger: Ledger) -> None:
    await past(ledger, 340)
    assert (await record(ledger)).verdict.ready
    await past(ledger, 12, name="test", verdict="approved")
    tests = update(asks).where(asks.c.ask_id.like("test%"))
    await ledger.write(lambda tx: tx.connection.execute(tests.values(planted="wrong")), durable=True)
    blind = await record(ledger)
    assert (blind.verdict.ready, blind.verdict.sensitivity.d) == (False, 0.0)
    await ledger.write(lambda tx: tx.connection.execute(tests.values(verdict="denied")), durable=True)
    seen = await record(ledger)
    assert (seen.verdict.ready, round(seen.verdict.sensitivity.d, 2)) == (True, 0.78)


@pytest.mark.parametrize(
    ("values", "tally"),
    [
        ({"outcome": "verified"}, Tally(clean=30)),
        ({"outcome": "unverified"}, Tally(major=30)),
        ({"outcome": "blocked", "ending": "taken_over"}, Tally(major=30)),
        ({"outcome": "blocked", "ending": "held_off"}, Tally()),
        ({"outcome": "verified_noop", "ending": "nothing_to_do"}, Tally()),
        ({"level": 3}, Tally()),
        ({"evidence": "another"}, Tally()),
        ({"shadow": True, "outcome": "rehearsed"}, Tally()),
    ],
)
async def test_level_5_is_about_how_runs_at_level_4_end(ledger: Ledger, values: dict[str, Any], tally: Tally) -> None:
    await nights(ledger, 30)
    await change(ledger, runs, **values)
    assert (await ledger.run_record(AGENT, MARK.whole, START)).evidence.climbs == (tally,)


@pytest.mark.parametrize(("severity", "tally"), [("minor", Tally(minor=1)), ("major", Tally(major=1))])
async def test_a_run_that_was_halted_counts_for_what_it_is_charged_with(
    severity: IncidentSeverity, tally: Tally, ledger: Ledger
) -> None:
    await nights(ledger, 30)
    await change(ledger, runs, outcome="halted", ending="halted")
    said: dict[str, Any] = {"by": "anna", "via": "cli", "because": "it was stopped for that"}
    await ledger.report_incident("night-1", severity=severity, **said)
    assert (await ledger.run_record(AGENT, MARK.whole, START)).evidence.climbs == (tally,)


async def test_a_run_that_is_charged_counts_against_level_5(ledger: Ledger) -> None:
    await nights(ledger, 30)
    said: dict[str, Any] = {"by": "anna", "via": "cli", "because": "no"}
    found: list[tuple[str, IncidentSeverity]] = [("night-1", "minor"), ("night-2", "major"), ("night-2", "minor")]
    for run_id, severity in found:
        await ledger.report_incident(run_id, severity=severity, **said)
    climbs = (await ledger.run_record(AGENT, MARK.whole, START)).evidence.climbs
    assert climbs == (Tally(clean=28, minor=1, major=1),)
