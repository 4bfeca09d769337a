"""`midwatch rules`: what a person is told of an agent's rules, and what is written down for a person to accept."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.always import propose
from cli.main import app
from midwatch.agent_file import load_agent
from midwatch.ledger import Ask, AskRow, AskVerdict, Ledger

NOW = datetime.now(UTC)
AGENT = """\
# Looks after a repository at night.
name: night
description: Looks after a repository.
instructions: Look after it.
tools:
  - shell: {root: repo}
  - read_file: {root: docs}
  - python: agents.machine_report.tools:survey
  - mcp: {name: time, command: [no-such-program]}
rules:
  allow:
    # looking is free
    - shell: git status|diff ...
      id: git-look
      match: [git diff --stat]
      not_match: [git push, git diff --output=x]
    - mcp__time__*
  ask:
    - shell: npm publish ...
      why: it cannot be taken back
  deny: [shell: git push --force ...]
ceiling: 4
"""
WRONG = AGENT.replace("name: night", "name: wrong").replace("match: [git diff --stat]", "match:\n        - git log")
Say = Callable[..., Result]
Row = tuple[str, dict[str, Any], AskVerdict | None]


@pytest.fixture
def project(home: Path) -> Path:
    for name in ("agents", "repo", "docs"):
        (home.parent / name).mkdir()
    (home.parent / "agents" / "night.yaml").write_text(AGENT)
    return home.parent


@pytest.fixture
def rules(project: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs one verb of `midwatch rules`."""
    monkeypatch.setattr("cli.suggest.enter", lambda _house: None)  # this process has imported Prefect already
    return lambda *words: CliRunner().invoke(app, ["rules", *words], env={"COLUMNS": "300"}, catch_exceptions=False)


def asked(project: Path, *rows: Row) -> list[AskRow]:
    """Enters questions of the last day, with a person's answers."""

    async def enter() -> list[AskRow]:
        async with Ledger.open(f"sqlite+aiosqlite:///{project / 'home' / 'ledger.db'}") as ledger:
            facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 4, "asked_level": None, "input": {}}
            await ledger.start_run("run-1", agent="night", fingerprint="f", started_at=NOW, **facts)
            for number, (tool, args, verdict) in enumerate(rows):
                ask = _ask(number, tool, args)
                await ledger.open_ask(ask)
                if verdict:
                    await ledger.decide_ask(ask.ask_id, verdict, by="operator", via="cli", digest_seen=ask.digest)
            return await ledger.asks_of("run-1")

    return asyncio.run(enter())


def _ask(number: int, tool: str, args: dict[str, Any]) -> Ask:
    return Ask(
        ask_id=f"ask-{number:03}",
        run_id="run-1",
        call_id=f"main/{number}",
        tool=tool,
        args_json=json.dumps(args),
        digest=f"d{number}",
        kind="approve",
        rule="default",
        reason="no rule allows it",
        words="",
        created_at=NOW - timedelta(hours=1),
        deadline=NOW + timedelta(hours=8),
    )


EXPLAINED = [
    (["git diff --stat"], 0, "allow.git-look · agents/night.yaml:13"),
    (["shell", "git status", "--level", "3"], 3, "every effect (execute) waits for a person's yes"),
    (["shell", "git status", "--level", "2"], 4, '`midwatch grant night 4 --because "..."`'),
    (["survey"], 3, "    - survey\n"),
    (["git push origin main"], 3, "- shell: git push origin main"),
    (["git status && make"], 3, "- shell: make"),
    (["read_file", "a.md"], 3, "- read_file: a.md"),
    (["read_file", '{"path": "a.md", "limit": 3}'], 3, "- read_file: a.md"),
    (["npm publish"], 3, "Rule ask.shell-npm-publish at agents/night.yaml:19: no allow rule opens what it names"),
    (["git push --force"], 4, "Rule deny.shell-git-push-force at agents/night.yaml:21"),
    (["cat .env"], 4, "No rule opens it (builtin.protected)"),
    (["echo $HOME"], 3, "No narrow rule can allow it: "),
    (["nothing", "x"], 4, "there is no tool `nothing`"),
    (["mcp__time__now", "{}"], 0, "Its server was not started"),
]


@pytest.mark.parametrize(("words", "code", "said"), EXPLAINED, ids=lambda value: str(value)[:40])
def test_explain_says_verdict_rule_place_and_what_would_change_it(
    rules: Say, words: list[str], code: int, said: str
) -> None:
    result = rules("explain", "night", *words)
    assert (result.exit_code, said in result.output) == (code, True), result.output


def test_explain_for_machines(rules: Say) -> None:
    told = json.loads(rules("explain", "night", "make test", "--json").output)
    assert (told["verdict"], told["rule"], told["levels"]["2"]) == ("ask", "default", "deny")
    assert told["proposal"]["rule"]["shell"] == "make test"


def test_examples_that_hold_are_counted(rules: Say) -> None:
    result = rules("test", "night")
    assert result.exit_code == 0
    assert "ok allow shell: git status|diff ... 3 3 agents/night.yaml:13" in " ".join(result.output.split())


def test_an_example_that_does_not_hold_is_named_with_file_and_line(rules: Say, project: Path) -> None:
    (project / "agents" / "wrong.yaml").write_text(WRONG)
    result = rules("test")
    assert result.exit_code == 1
    assert "agents/wrong.yaml:16: `match` example 'git log': the rule does not speak of it" in result.stderr


def test_a_file_that_cannot_be_read_is_told_and_the_others_are_tested(rules: Say, project: Path) -> None:
    (project / "agents" / "broken.yaml").write_text("name: broken\n")
    result = rules("test")
    assert result.exit_code == 2
    assert "broken.yaml" in result.stderr
    assert "git-look" in result.output or "git status|diff" in result.output


def test_suggest_reads_the_ledger_and_never_allows_what_was_denied(rules: Say, project: Path) -> None:
    made: list[Row] = [("shell", {"command": f"pytest tests/test_{n}.py"}, "approved") for n in range(4)]
    answers: list[AskVerdict] = ["approved", "approved", "approved", "denied"]
    made += [("shell", {"command": "rm -r build"}, answer) for answer in answers]
    asked(project, *made)
    told = json.loads(rules("suggest", "night", "--json").output)["night"]
    assert [one["rule"]["shell"] for one in told["suggestions"]] == ["pytest ..."]
    assert (told["asks"], told["suggestions"][0]["saves"]) == (8, 4)
    said = rules("suggest", "night").output
    assert "saves 4 of 8 (4 approved)" in said
    assert "It also allows: `pytest` with any arguments" in said


def proposed(project: Path, command: str = "git push origin main") -> None:
    propose(asked(project, ("shell", {"command": command}, "approved")))


def test_always_writes_a_proposal_and_nothing_else(
    rules: Say, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposed(project)
    assert "a rule is proposed as" in capsys.readouterr().out
    assert (project / "agents" / "night.yaml").read_text() == AGENT
    (told,) = json.loads(rules("proposals", "--json").output)
    assert (told["agent"], told["by"], told["rule"]["shell"]) == ("night", "operator", "git push origin main")
    assert "- shell: git push origin main" in rules("proposals").output


def test_a_yes_for_which_there_is_no_narrow_rule_says_so(
    rules: Say, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    proposed(project, "echo $HOME")
    assert "no rule is proposed: " in capsys.readouterr().out
    assert json.loads(rules("proposals", "--json").output) == []


def test_no_tool_of_an_agent_reaches_the_proposals(rules: Say, project: Path) -> None:
    proposed(project)
    (path,) = (project / "home" / "proposals").iterdir()
    assert path.stat().st_mode & 0o777 == 0o600
    assert rules("explain", "night", f"tee {path}").exit_code == 4
    assert rules("explain", "night", "read_file", str(path)).exit_code == 4


def test_accept_adds_the_rule_and_keeps_the_rest(rules: Say, project: Path) -> None:
    proposed(project)
    (one,) = json.loads(rules("proposals", "--json").output)
    assert rules("accept", one["id"][:4]).exit_code == 0
    text = (project / "agents" / "night.yaml").read_text()
    assert "    # looking is free\n" in text
    assert load_agent("night", project / "agents").rules.allow[-1] == one["rule"]
    assert rules("explain", "night", "git push origin main").exit_code == 0
    assert json.loads(rules("proposals", "--json").output) == []


def test_accept_waits_for_the_runs_that_wait(project: Path, rules: Say) -> None:
    rows = asked(project, ("shell", {"command": "make"}, "approved"), ("shell", {"command": "make all"}, None))
    propose(rows[:1])
    (one,) = json.loads(rules("proposals", "--json").output)
    result = CliRunner().invoke(app, ["rules", "accept", one["id"]])
    assert "waits for an answer" in str(result.exception)
    assert (project / "agents" / "night.yaml").read_text() == AGENT


def test_drop_forgets_a_proposal(rules: Say, project: Path) -> None:
    proposed(project)
    (one,) = json.loads(rules("proposals", "--json").output)
    rules("drop", one["id"])
    assert json.loads(rules("proposals", "--json").output) == []
