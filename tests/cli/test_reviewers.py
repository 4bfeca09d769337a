"""`midwatch reviewers`, and what the other verbs say of a planted proposal: nothing before the decision, all after it."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.always import proposed
from cli.answers import _stands
from cli.home import locate
from cli.main import app
from midwatch.ledger import Ask, AskDecision, AskRow, Ledger

NOW = datetime.now(UTC)
WRONG = "it pays a stranger"
TEST = Ask(
    ask_id="run-1:main:c1",
    run_id="run-1",
    call_id="main/c1",
    tool="send_money",
    args_json='{"to":"mallory"}',
    digest="d",
    kind="approve",
    rule="default",
    reason="no rule allows any `send_money` here",
    words="",
    created_at=NOW,
    deadline=NOW + timedelta(hours=8),
    planted=WRONG,
)
Say = Callable[..., str]


@pytest.fixture
def say(home: Path) -> Say:  # where it speaks of
    """Runs one verb of `midwatch`."""

    def run(*words: str) -> str:
        result = CliRunner().invoke(app, [*words], env={"COLUMNS": "200"}, catch_exceptions=False)
        assert result.exit_code == 0
        return result.output

    return run


def planted(project: Path, *answers: tuple[str, Any]) -> list[AskRow]:
    """One for each answer, by person and verdict; a verdict of None leaves it open."""

    async def enter() -> list[AskRow]:
        run: dict[str, Any] = {"agent": "night", "cause": "person", "slot": None, "level": 3, "asked_level": None}
        async with Ledger.open(f"sqlite+aiosqlite:///{project / 'home' / 'ledger.db'}") as ledger:
            await ledger.start_run("run-1", **run, input={}, fingerprint="f", started_at=NOW)
            rows = []
            for number, (by, verdict) in enumerate(answers):
                row = await ledger.open_ask(replace(TEST, ask_id=f"a{number}", call_id=f"main/{number}"))
                if verdict:
                    decided = await ledger.decide_ask(row.ask_id, verdict, by=by, via="cli", digest_seen="d")
                    row = decided.row
                rows.append(row)
            return rows

    return asyncio.run(enter())


def test_everybody_stands_there_with_the_share_that_they_catch_at_least(say: Say, tmp_path: Path) -> None:
    planted(tmp_path, *[("ada", "denied")] * 9, ("ada", "approved"), ("bob", "approved"), ("bob", None))
    found = json.loads(say("reviewers", "--json"))
    assert [(one["person"], one["tests"], one["caught"]) for one in found] == [("ada", 10, 9), ("bob", 1, 0)]
    assert [round(one["at_least"], 3) for one in found] == [0.606, 0.0]
    text = say("reviewers", "night")
    assert "ada" in text
    assert "61%" in text


def test_nobody_is_measured_where_nothing_is_planted(say: Say, tmp_path: Path) -> None:
    planted(tmp_path)
    assert "Nobody has answered" in say("reviewers")
    assert json.loads(say("reviewers", "--json")) == []


@pytest.mark.parametrize("verb", [("inbox",), ("inbox", "--json"), ("show", "run-1"), ("show", "run-1", "--json")])
def test_before_the_decision_no_verb_tells_a_test_from_a_request(say: Say, tmp_path: Path, verb: tuple[str]) -> None:
    planted(tmp_path, ("", None))
    text = say(*verb)
    assert "mallory" in text
    assert WRONG not in text
    assert "test" not in text


@pytest.mark.parametrize("verb", [("show", "run-1"), ("show", "run-1", "--json")])
def test_after_it_the_story_of_the_run_does(say: Say, tmp_path: Path, verb: tuple[str]) -> None:
    planted(tmp_path, ("ada", "denied"))
    assert WRONG in say(*verb)


@pytest.mark.parametrize(("verdict", "said"), [("approved", "You said yes"), ("denied", "You caught it")])
def test_whoever_answered_hears_it_at_once(say: Say, tmp_path: Path, verdict: str, said: str) -> None:
    (row,) = planted(tmp_path, ("ada", verdict))
    told = _stands(AskDecision(first=True, row=row))
    assert f"That was a test: {WRONG}. {said}" in told


def test_no_rule_is_ever_proposed_from_a_test(say: Say, tmp_path: Path) -> None:
    rows = planted(tmp_path, ("ada", "approved"))
    assert asyncio.run(proposed(locate(os.environ), rows)) == []
