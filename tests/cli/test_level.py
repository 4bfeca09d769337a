"""`midwatch level`, `promote`, `incident`, `grant`: what a person sees before they sign, what is refused, and what falls."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from midwatch.agent_file import load_agent
from midwatch.errors import LedgerError
from midwatch.halt import Target
from midwatch.ledger import Ledger
from midwatch.stand_ins import stand_ins
from tasks.harness.ladder_review import as_markdown, review
from tests.midwatch.ledger.climbs import AGENT, MARK, RULE, past, spec

FILE = "name: owl\ndescription: d\ninstructions: i\nceiling: 5\ncontract: {done_when: [{file: {path: a.md}}]}\n"
T = TypeVar("T")
Say = Callable[..., Result]
SINCE = datetime.now(UTC) - timedelta(days=60)


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    monkeypatch.setenv("COLUMNS", "300")
    (home.parent / "agents").mkdir()
    (home.parent / "agents" / "owl.yaml").write_text(FILE)
    return home.parent


@pytest.fixture
def say(project: Path) -> Say:
    """Runs one verb."""

    def run(*words: str, answer: str = "") -> Result:
        return CliRunner().invoke(app, [*words], input=answer, catch_exceptions=False)

    return run


def inside(project: Path, work: Callable[[Ledger], Awaitable[T]]) -> T:
    async def opened() -> T:
        async with Ledger.open(f"sqlite+aiosqlite:///{project / 'home' / 'ledger.db'}") as ledger:
            return await work(ledger)

    return asyncio.run(opened())


async def earned(ledger: Ledger) -> None:
    """Enough for the class, and a run of the agent as it is."""
    await past(ledger, since=SINCE)
    await ledger.see_fingerprint(AGENT, MARK)


async def reviewed(ledger: Ledger) -> list[str]:
    seen = await stand_ins(ledger, spec(), Path("nowhere"), datetime.now(UTC))
    return list((await review(ledger, spec(), seen, datetime.now(UTC))).lines)


def level(project: Path) -> int:
    return inside(project, lambda ledger: ledger.level_of(AGENT, datetime.now(UTC)))


def test_a_class_is_shown_with_its_evidence_its_curve_and_what_is_missing(say: Say, project: Path) -> None:
    inside(project, lambda ledger: past(ledger, 200, since=SINCE))
    inside(project, lambda ledger: ledger.see_fingerprint(AGENT, MARK))
    shown = say("level", "owl").output
    assert "owl stands at level 3 (supervised), ceiling 5: nobody has granted it anything." in shown
    assert "ask.push (write): asks" in shown
    assert "after 200 clean actions on 20 days the error rate is below" in shown
    assert "▁" in shown
    assert "% of the way" in shown
    assert "missing: 132 more clean actions" in shown
    assert "missing: a positive answer to whether it is worth it (nobody has answered `midwatch worth owl`)" in shown
    assert "missing: all six layers, held within 7 days: `midwatch check owl`" in shown
    told = json.loads(say("level", "owl", "--json").output)
    (one,) = told["classes"]
    assert (one["rule"], one["needed"], len(one["curve"]), told["changed"]) == (RULE, 132, 200, [])


def test_enough_evidence_is_proposed_in_the_inbox_and_signed_by_a_person(say: Say, project: Path) -> None:
    inside(project, earned)
    assert inside(project, reviewed) == ["proposed for owl: ask.push"]
    assert inside(project, reviewed) == []
    waits = say("inbox").output
    assert "Proposed for owl" in waits
    assert "after 340 clean actions on 20 days" in waits
    assert "`midwatch promote owl 'ask.push'` promotes it" in waits
    (told,) = json.loads(say("inbox", "--json").output)
    assert (told["kind"], told["rule"], told["evidence"]["ready"]) == ("promotion", RULE, True)
    assert say("promote", "owl", answer="n\n").exit_code == 1
    assert level(project) == 3
    assert "ask.push goes unasked; owl stands at level 4." in say("promote", "owl", answer="y\n").output
    assert level(project) == 4
    assert "goes unasked at level 4, earned on" in say("level", "owl").output
    assert json.loads(say("inbox", "--json").output) == []


def test_a_person_says_no_to_a_proposal_and_it_is_not_made_again(say: Say, project: Path) -> None:
    inside(project, earned)
    inside(project, reviewed)
    assert say("promote", "owl", "--refuse").exit_code == 2
    assert "Refused" in say("promote", "owl", "--refuse", "--because", "not before the audit").output
    assert inside(project, reviewed) == []
    assert level(project) == 3


def test_a_proposal_that_is_not_due_any_more_is_withdrawn(say: Say, project: Path) -> None:
    inside(project, earned)
    inside(project, reviewed)
    told = say("incident", "past-3", "--call", "1", "--major", "--because", "the wrong branch")
    assert "Written down, major, against class ask.push" in told.output
    assert inside(project, reviewed) == ["withdrawn for owl: ask.push"]


async def forged(ledger: Ledger, statement: str) -> None:
    await ledger.write(lambda tx: tx.connection.exec_driver_sql(statement), durable=True)


DOUBT = (
    "asks ask_id past-0:0 is not what the journal holds; nobody is promoted on such evidence of owl: `midwatch verify` "
    "says what is wrong"
)


def test_what_another_hand_wrote_is_not_proposed_and_nobody_is_promoted_on_it(say: Say, project: Path) -> None:
    inside(project, earned)
    inside(project, lambda ledger: forged(ledger, "UPDATE asks SET digest = 'new' WHERE ask_id = 'past-0:0'"))
    assert inside(project, reviewed) == [f"nothing proposed for owl: {DOUBT}"]
    with pytest.raises(LedgerError, match=re.escape(DOUBT)):
        say("promote", "owl", RULE, "--yes")
    assert say("verify").exit_code == 4
    assert level(project) == 3


def test_a_proposal_that_stood_before_somebody_wrote_into_the_ledger_promotes_nobody_and_is_withdrawn(
    say: Say, project: Path
) -> None:
    inside(project, earned)
    inside(project, reviewed)
    inside(project, lambda ledger: forged(ledger, "UPDATE asks SET digest = 'new' WHERE ask_id = 'past-0:0'"))
    with pytest.raises(LedgerError, match=re.escape(DOUBT)):
        say("promote", "owl", "--yes")
    assert inside(project, reviewed) == [f"nothing proposed for owl: {DOUBT}", "withdrawn for owl: ask.push"]
    closed = inside(project, lambda ledger: ledger.proposals_of(AGENT))
    assert [(one.verdict, one.closed_because) for one in closed] == [("withdrawn", DOUBT)]
    inside(project, lambda ledger: forged(ledger, "UPDATE asks SET digest = 'past 0' WHERE ask_id = 'past-0:0'"))
    assert inside(project, reviewed) == ["proposed for owl: ask.push"]


def test_an_incident_demotes_and_the_page_says_why_and_what_earns_it_back(say: Say, project: Path) -> None:
    inside(project, earned)
    say("promote", "owl", RULE, "--yes")
    say("incident", "past-3", "--major", "--because", "the wrong branch")
    shown = say("level", "owl").output
    assert "ask.push (write): asks. Fell on" in shown
    assert "anna: the wrong branch" in shown
    assert "what earns it back:" in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("promote", "owl", RULE, "--yes"), "has not earned ask.push"),
        (("promote", "owl", "--yes"), "proposed for owl: nothing"),
        (("promote", "owl", "--to", "5", "--yes"), "no rung is skipped, and the next one is 4"),
        (("promote", "owl", "--to", "4", "--yes"), "no class of owl goes unasked"),
        (("promote", "owl", "default", "--yes", "--override", "--because", "b"), "is no rule of its file"),
        (("grant", "owl", "5", "--because", "b"), "no rung is skipped"),
    ],
)
def test_every_way_up_without_evidence_is_refused(words: tuple[str, ...], said: str, say: Say, project: Path) -> None:
    inside(project, lambda ledger: past(ledger, 100, since=SINCE))
    with pytest.raises(LedgerError, match=said):
        say(*words)
    assert level(project) == 3


def test_during_a_halt_nobody_rises(say: Say, project: Path) -> None:
    inside(project, earned)
    inside(project, lambda ledger: ledger.halt(Target("all"), by="anna", via="cli", because="a look"))
    for words in (("promote", "owl", RULE, "--yes"), ("grant", "owl", "4", "--because", "b")):
        with pytest.raises(LedgerError, match="nobody is promoted meanwhile"):
            say(*words)
    assert level(project) == 3


@pytest.mark.parametrize("words", [("--override",), ("--override", "--because", " "), (RULE, "--to", "4")])
def test_an_override_needs_a_reason_and_one_thing_is_promoted_at_a_time(words: tuple[str, ...], say: Say) -> None:
    assert say("promote", "owl", *words, "--yes").exit_code == 2


def test_an_override_ends_and_stays_to_be_seen(say: Say, project: Path) -> None:
    inside(project, lambda ledger: past(ledger, 5, since=SINCE))
    inside(project, lambda ledger: ledger.see_fingerprint(AGENT, MARK))
    told = say("promote", "owl", RULE, "--override", "--because", "a trial", "--days", "5", "--yes").output
    assert "ask.push goes unasked until" in told
    shown = say("level", "owl").output
    assert "Overrides" in shown
    assert "by anna: a trial" in shown


def test_a_changed_file_shows_what_it_would_cost_before_it_runs(say: Say, project: Path) -> None:
    inside(project, earned)
    say("promote", "owl", RULE, "--yes")
    (project / "agents" / "owl.yaml").write_text(FILE + "rules: {allow: [shell]}\ntools: [shell]\n")
    shown = say("level", "owl").output
    assert "tools, rules changed. A run of it begins a new stream, and this stays behind:" in shown
    assert "ask.push: after 340 clean actions" in shown
    assert "and it would ask again" in shown
    assert json.loads(say("level", "owl", "--json").output)["changed"] == ["tools", "rules"]


def test_a_grant_above_3_says_that_it_is_an_override_of_this_file(say: Say, project: Path) -> None:
    told = say("grant", "owl", "4", "--because", "a trial week").output
    assert "owl stands at level 4 by an override until" in told
    assert "What its rules allow goes unasked, earned or not." in say("level", "owl").output


def test_an_agent_as_markdown_holds_its_rungs_in_a_fence(project: Path) -> None:
    inside(project, earned)

    async def drawn(ledger: Ledger) -> str:
        seen = await stand_ins(ledger, spec(), Path("nowhere"), datetime.now(UTC))
        return as_markdown((await review(ledger, spec(), seen, datetime.now(UTC))).view)

    text = inside(project, drawn)
    assert text.startswith("# owl\n\nLevel 3 of at most 5\n\n```text\nask.push  asks\n")
    assert "level 5 lacks: all six layers" in text


def test_the_agent_of_these_tests_is_the_file_that_it_is_read_from(project: Path) -> None:
    assert load_agent("owl", project / "agents") == spec()
