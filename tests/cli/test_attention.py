"""`midwatch attention`: from a ledger alone, without a house."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from midwatch.attention import Person, Situation, Subject, settings_of
from midwatch.ledger import Ask, Ledger
from midwatch.precision import MANY, wilson

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made

NOW = datetime.now(UTC)


async def _fill(home: Path, verdicts: list[str]) -> None:
    """A question for each verdict, all of one rule, all told; and a failure that was told."""
    async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        await ledger.see_people({"anna": settings_of(Person(name="anna", a_day=4))})
        facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
        await ledger.start_run("r1", agent="night-owl", cause="schedule", started_at=NOW, **facts)
        for number, verdict in enumerate(verdicts):
            await _asked(ledger, number, verdict)
        await ledger.finish_run("r1", outcome="failed", reason="")
        failed = Subject(id="r1", run_id="r1", rule="ended failed", at=NOW)
        ending = Situation(agent="night-owl", topic="endings", severity="attention", subjects=(failed,))
        await ledger.notice_sent(await ledger.note_situation("anna", ending) or "", "hook")


async def _asked(ledger: Ledger, number: int, verdict: str) -> None:
    ask_id = f"r1:{number}"
    text: dict[str, Any] = {"args_json": "{}", "reason": "", "words": "", "created_at": NOW}
    await ledger.open_ask(
        Ask(
            ask_id=ask_id,
            run_id="r1",
            call_id=f"main/{number}",
            tool="pay",
            digest="d",
            kind="approve",
            rule="ask.pay",
            deadline=NOW + timedelta(hours=1),
            planted="known bad" if verdict == "planted" else "",
            **text,
        )
    )
    subject = Subject(id=ask_id, run_id="r1", rule="ask.pay", at=NOW)
    one = Situation(agent="night-owl", topic="requests", severity="urgent", subjects=(subject,))
    notice = await ledger.note_situation("anna", one)
    if notice:
        await ledger.notice_sent(notice, "hook")
    said: Any = "denied" if verdict == "planted" else verdict
    await ledger.decide_ask(ask_id, said, by="anna", via="cli", digest_seen="d")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path))
    return tmp_path


def said(*words: str, code: int = 0) -> str:
    result = CliRunner().invoke(app, ["attention", *words], env={"COLUMNS": "160"})
    assert result.exit_code == code, result.output
    return result.output


def told(*words: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(said(*words, "--json"))
    return found


def test_a_house_without_persons_says_so(home: Path) -> None:
    asyncio.run(_fill(home, []))
    asyncio.run(_nobody(home))
    assert "no block of the type Midwatch person" in said()


async def _nobody(home: Path) -> None:
    path = home / "ledger.db"
    path.unlink()
    async with Ledger.open(f"sqlite+aiosqlite:///{path}") as ledger:
        await ledger.migrate()


def test_each_rule_has_its_share_and_each_person_their_count(home: Path) -> None:
    asyncio.run(_fill(home, ["approved", "denied", "approved", "planted"]))
    found = told()
    (asks, failure) = sorted(found["rules"], key=lambda one: one["rule"])
    assert (asks["rule"], asks["asks"], asks["changed"], asks["unchanged"]) == ("ask.pay", 3, 1, 2)
    assert (asks["lower"], asks["upper"]) == pytest.approx(wilson(1, 3))
    assert (failure["rule"], failure["share"]) == ("ended failed", None)
    (anna,) = found["people"]
    assert (anna["interruptions"], anna["a_day"], anna["held_back"]) == (2, 4, 0)
    assert "ask.pay" in said()


def test_what_is_never_changed_is_proposed_to_be_dropped(home: Path) -> None:
    asyncio.run(_fill(home, ["approved"] * MANY))
    assert f"drop: never changed in {MANY}; see `midwatch rules suggest night-owl`" in said()


def test_what_is_often_changed_is_raised(home: Path) -> None:
    asyncio.run(_fill(home, ["denied"] * 9 + ["approved"]))
    assert "raise: changed 9 of 10 times" in said()


def test_a_failure_that_a_person_closes_counts_as_one_that_was_acted_on(home: Path) -> None:
    asyncio.run(_fill(home, []))
    assert "Closed 1" in said("close", "night-owl")
    (failure,) = told()["rules"]
    assert (failure["changed"], failure["unchanged"]) == (1, 0)
    said("close", "night-owl", code=1)


def test_wilson_is_the_published_interval() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)
    assert wilson(10, 10) == pytest.approx((0.7225, 1.0), abs=1e-4)
    assert wilson(81, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
