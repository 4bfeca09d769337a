"""`midwatch backtest`: another file held against what was decided, from the command line to the exit code."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from typer.testing import CliRunner, Result

from cli.main import app
from cli.new_rules import new_agent
from cli.rulebook import WrittenAgent
from midwatch.agent_file import parse_agent
from midwatch.calls import canonical_json
from midwatch.decision import Decision, Verdict
from midwatch.errors import LedgerError, SpecError
from midwatch.ledger import Ask, AskVerdict, Decided, Ledger
from midwatch.ledger.tables import journal
from midwatch.yaml_lines import read_yaml

NOW = datetime.now(UTC)
AGENT = """\
name: night
description: Looks after a repository.
instructions: Look after it.
tools:
  - shell: {root: repo}
  - mcp: {name: time, command: [no-such-program]}
rules:
  allow:
    - shell: git status ...
ceiling: 4
"""
WIDER = "allow:\n  - shell: git status|push ...\n"
Say = Callable[..., Result]


@pytest.fixture
def project(home: Path) -> Path:
    for name in ("agents", "repo"):
        (home.parent / name).mkdir()
    (home.parent / "agents" / "night.yaml").write_text(AGENT)
    asyncio.run(_past(home.parent))
    return home.parent


@pytest.fixture
def say(project: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    monkeypatch.setattr("cli.suggest.enter", lambda _house: None)  # this process has imported Prefect already
    return lambda *words: CliRunner().invoke(app, ["backtest", *words], env={"COLUMNS": "300"}, catch_exceptions=False)


async def _past(project: Path) -> None:
    """A look that was allowed, a push that a person denied, and another server's tool."""
    async with _ledger(project) as ledger:
        facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 4, "asked_level": None, "input": {}}
        await ledger.start_run("run-1", agent="night", fingerprint="f", started_at=NOW, **facts)
        await _decided(ledger, "1", "shell", {"command": "git status -s"}, "allow")
        await _decided(ledger, "2", "shell", {"command": "git push origin main"}, "ask", "denied")
        await _decided(ledger, "3", "mcp__time__now", {"zone": "UTC"}, "ask", "approved")


async def _decided(
    ledger: Ledger,
    number: str,
    tool: str,
    args: dict[str, Any],
    verdict: Verdict,
    answer: AskVerdict | None = None,
    *,
    run_id: str = "run-1",
) -> None:
    call: dict[str, Any] = {"tool": tool, "args_json": canonical_json(args), "digest": number * 64}
    decision = Decision(verdict=verdict, rule="default", reason="no rule allows it")
    await ledger.record_decision(run_id, Decided(position=f"main/gate/{number}", decision=decision, **call))
    if answer:
        facts: dict[str, Any] = {"kind": "approve", "rule": "default", "reason": "", "words": "", "created_at": NOW}
        ask = Ask(
            ask_id=number, run_id="run-1", call_id=f"main/{number}", deadline=NOW + timedelta(days=1), **facts, **call
        )
        await ledger.open_ask(ask)
        await ledger.decide_ask(number, answer, by="operator", via="cli", digest_seen=ask.digest)


def _ledger(project: Path) -> Ledger:
    return Ledger.open(f"sqlite+aiosqlite:///{project / 'home' / 'ledger.db'}")


def _overrides(project: Path) -> list[dict[str, Any]]:
    async def read() -> list[dict[str, Any]]:
        async with _ledger(project) as ledger:
            query = select(journal.c.body).where(journal.c.kind == "backtest_override")
            return [json.loads(row["body"]) for row in await ledger.read(lambda tx: tx.all(query))]

    return asyncio.run(read())


def test_rules_that_allow_a_past_denial_are_refused_until_somebody_takes_them(project: Path, say: Say) -> None:
    new = project / "new.yaml"
    new.write_text(WIDER)
    refused = say("night", "--rules", str(new))
    assert refused.exit_code == 4
    assert "1 would have allowed what a person denied" in refused.output
    assert "git push origin main" in refused.output
    assert say("night", "--rules", str(new), "--override").exit_code == 2
    assert not _overrides(project)
    assert say("night", "--rules", str(new), "--override", "--because", "pushes are fine now").exit_code == 0
    (kept,) = _overrides(project)
    assert (kept["agent"], kept["allows"], kept["because"]) == ("night", {"allows_denied": 1}, "pushes are fine now")


def test_the_rules_as_they_stand_and_another_level_change_what_they_change(project: Path, say: Say) -> None:
    (same,) = json.loads(say("night", "--json").stdout)
    assert (same["calls"], same["changes"]["unchanged"]["count"], same["refused"]) == (3, 3, "")
    found = say("night", "--level", "3", "--json")
    assert found.exit_code == 0
    (lower,) = json.loads(found.stdout)
    assert {change: one["count"] for change, one in lower["changes"].items() if one["count"]} == {
        "asks_allowed": 1,
        "unchanged": 2,
    }
    (example,) = lower["changes"]["asks_allowed"]["examples"]
    assert example["run_id"] == "run-1"


def test_another_models_runs_are_replayed_alone_and_what_is_left_out_is_counted(project: Path, say: Say) -> None:
    async def answered() -> None:
        async with _ledger(project) as ledger:
            facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 4, "asked_level": None, "input": {}}
            for run_id, names in {"run-2": ["small"], "run-3": ["small", "large"], "run-4": ["wise:1b"]}.items():
                await ledger.start_run(run_id, agent="night", fingerprint="f", started_at=NOW, **facts)
                for turn, name in enumerate(names):
                    await ledger.record_step(run_id, f"main/model/{turn}", kind="model", name=name)
                await _decided(ledger, "1", "shell", {"command": "git status"}, "allow", run_id=run_id)
            await ledger.record_step("run-1", "main/model/0", kind="model", name="large")

    asyncio.run(answered())
    for model, calls, left in (("small", 1, 5), ("maker:small", 1, 5), ("large", 3, 3), ("wise:1b", 1, 5)):
        (found,) = json.loads(say("night", "--model", model, "--json").stdout)
        assert (found["model"], found["calls"], list(found["taken"].values())[-1]) == (model, calls, left)
    with pytest.raises(LedgerError, match=r"of: large, small, wise:1b\. `midwatch evals night --model other` asks it"):
        say("night", "--model", "other")
    assert say("--model", "small").exit_code == 2


def test_all_agents_are_held_against_a_level_and_rules_belong_to_one(project: Path, say: Say) -> None:
    assert [one["agent"] for one in json.loads(say("--level", "2", "--json").stdout)] == ["night"]
    assert say("--rules", str(project / "agents" / "night.yaml")).exit_code == 2


def test_a_rule_that_no_tool_has_is_named_with_its_line(project: Path, say: Say) -> None:
    new = project / "new.yaml"
    new.write_text("rules:\n  deny:\n    - shel: git push ...\n")
    with pytest.raises(SpecError, match=r"new\.yaml:3: rules\.deny\[0\]: no tool 'shel'; did you mean `shell`\?"):
        say("night", "--rules", str(new))


WRITTEN = WrittenAgent(
    spec=parse_agent(AGENT, path="night.yaml", stem="night"),
    file="night.yaml",
    lines=read_yaml(AGENT, path="night.yaml"),
)


@pytest.mark.parametrize("text", [WIDER, f"rules:\n  {WIDER.replace(chr(10), chr(10) + '  ').strip()}\n"])
def test_the_rules_part_may_stand_alone_or_under_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "new.yaml").write_text(text)
    new = new_agent(tmp_path / "new.yaml", WRITTEN)
    assert new.spec.rules.allow == [{"shell": "git status|push ..."}]
    assert new.spec.tools == WRITTEN.spec.tools


def test_a_whole_file_replaces_everything(tmp_path: Path) -> None:
    (tmp_path / "new.yaml").write_text(AGENT.replace("ceiling: 4", "ceiling: 5").replace("ceiling: 5", "ceiling: 3"))
    assert new_agent(tmp_path / "new.yaml", WRITTEN).spec.ceiling == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- shell", "new.yaml:1: must be a whole agent file, or its rules"),
        ("alow:\n  - shell\n", "new.yaml:1: rules.alow: .*did you mean `allow`"),
        ("rules:\n  allow: shell\n", r"new.yaml:2: rules.allow: must be a list"),
        ("rules:\n  allow: []\n  allow: []\n", r"new.yaml:3: rules.allow: .*twice"),
        ("rules: {}\nceiling: 4\n", "new.yaml:2: ceiling: "),
        (AGENT.replace("name: night", "name: day"), "call it `night`"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_field(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "new.yaml").write_text(text)
    with pytest.raises(SpecError, match=said):
        new_agent(tmp_path / "new.yaml", WRITTEN)
    with pytest.raises(SpecError, match="cannot be read"):
        new_agent(tmp_path / "nowhere.yaml", WRITTEN)
