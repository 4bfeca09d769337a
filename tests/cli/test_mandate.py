"""`midwatch mandate`: what a person is shown before they sign, what then stands, and what ends it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from cli.offered import signing
from midwatch.errors import LedgerError, SpecError
from midwatch.ledger import Ask, Ledger, MandateUse

AGENT = """\
name: night
description: Looks after a repository.
instructions: Look after it.
tools:
  - shell: {root: repo}
  - write_file: {root: repo}
  - http_request
  - mcp: {name: time, command: [no-such-program]}
rules:
  ask:
    - shell: git push ...
      id: push
      why: others pull from it
    - http_request
ceiling: 4
"""
Say = Callable[..., Result]


@pytest.fixture
def project(home: Path) -> Path:
    for name in ("agents", "repo"):
        (home.parent / name).mkdir()
    (home.parent / "agents" / "night.yaml").write_text(AGENT)
    return home.parent


@pytest.fixture
def mandate(project: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Runs one verb of `midwatch mandate`."""
    monkeypatch.setattr("cli.suggest.enter", lambda _house: None)  # this process has imported Prefect already
    monkeypatch.setattr("getpass.getuser", lambda: "operator")
    monkeypatch.setenv("COLUMNS", "300")

    def say(*words: str, answer: str = "") -> Result:
        return CliRunner().invoke(app, ["mandate", *words], input=answer, catch_exceptions=False)

    return say


def stand(project: Path) -> list[MandateUse]:
    async def read() -> list[MandateUse]:
        async with Ledger.open(f"sqlite+aiosqlite:///{project / 'home' / 'ledger.db'}") as ledger:
            return await ledger.mandates_of()

    return asyncio.run(read())


PUSH = "shell: git push origin main"


def granted(mandate: Say, rule: str = PUSH, *more: str) -> Result:
    return mandate("grant", "night", rule, "--because", "a release night", "--yes", *more)


def test_what_it_lets_through_is_shown_and_nothing_is_signed_without_a_yes(mandate: Say, project: Path) -> None:
    words = ("grant", "night", PUSH, "--uses", "3", "--until", "48h", "--because", "a release night")
    result = mandate(*words, answer="n\n")
    assert result.exit_code == 1
    assert "night may do this without asking, 3 times at most in all its runs, until " in result.output
    assert "- `shell`: `git push origin main`" in result.output
    assert stand(project) == []
    result = mandate(*words, answer="y\n")
    assert (result.exit_code, "Mandate 1 stands, signed by operator." in result.output) == (0, True)
    (one,) = stand(project)
    assert (one.mandate.rules, one.mandate.uses, one.mandate.because) == (
        ({"shell": "git push origin main"},),
        3,
        "a release night",
    )
    assert timedelta(hours=47) < one.mandate.until - datetime.now(UTC) <= timedelta(hours=48)


def test_without_bounds_it_is_for_20_uses_and_a_week(mandate: Say, project: Path) -> None:
    granted(mandate)
    (one,) = stand(project)
    assert one.mandate.uses == 20
    assert timedelta(days=6) < one.mandate.until - datetime.now(UTC) <= timedelta(days=7)


def test_the_id_of_an_ask_rule_stands_for_its_words(mandate: Say, project: Path) -> None:
    granted(mandate, "ask.push")
    assert stand(project)[0].mandate.rules == ({"shell": "git push ..."},)


def test_conditions_are_written_as_in_an_agents_file(mandate: Say, project: Path) -> None:
    granted(mandate, "{write_file: {path: {under: out}}}")
    (one,) = stand(project)
    assert (one.mandate.rules, list(one.mandate.tools)) == (
        ({"write_file": {"path": {"under": "out"}}},),
        ["write_file"],
    )


def test_a_class_is_every_tool_of_it_by_name(mandate: Say, project: Path) -> None:
    (project / "agents" / "night.yaml").write_text(
        AGENT.replace("  - mcp: {name: time, command: [no-such-program]}\n", "")
    )
    assert "every call of `http_request`" in granted(mandate, "class: egress").output
    assert stand(project)[0].mandate.rules == ("http_request",)


@pytest.mark.parametrize(
    ("rule", "more", "error", "why"),
    [
        ("fax", [], SpecError, "no tool 'fax'"),
        ("shell: [", [], SpecError, "RULE"),
        ("[shell]", [], SpecError, "is no rule"),
        ("{shell: git push, budget: {max: 3, per: 1d}}", [], SpecError, "does not stand beside"),
        (PUSH, ["--until", "soon"], LedgerError, "is no moment"),
        (PUSH, ["--until", "91d"], LedgerError, "at most 90 days"),
        (PUSH, ["--sum", "command", "--most", "lots"], LedgerError, "is no number"),
        (PUSH, ["--sum", "weight", "--most", "3"], SpecError, "no such argument"),
        (PUSH, ["--sum", "timeout"], SpecError, "with a limit"),
        (PUSH, ["--because", " "], LedgerError, "says why"),
    ],
)
def test_what_cannot_be_granted_says_why(
    mandate: Say, project: Path, rule: str, more: list[str], error: type[Exception], why: str
) -> None:
    with pytest.raises(error, match=why):
        granted(mandate, rule, *more)
    assert stand(project) == []


@pytest.mark.parametrize("uses", ["0", "1001"])
def test_so_many_uses_are_not_to_be_had(mandate: Say, uses: str) -> None:
    assert granted(mandate, PUSH, "--uses", uses).exit_code == 2


def test_the_list_says_what_is_left_until_when_and_who(mandate: Say) -> None:
    granted(mandate, PUSH, "--uses", "3")
    line = " ".join(mandate("list").output.split())
    assert "1 night {shell: git push origin main} 3 of 3 " in line
    assert "operator: a release night stands" in line
    (told,) = json.loads(mandate("list", "night", "--json").output)
    assert (told["mandate_id"], told["uses"], told["used"], told["state"]) == (1, 3, 0, "stands")
    assert json.loads(mandate("list", "day", "--json").output) == []


def test_a_revoked_one_is_over_and_listed_with_all(mandate: Say, project: Path) -> None:
    granted(mandate)
    assert "grants nothing any more" in mandate("revoke", "1", "--because", "enough").output
    assert "No mandate stands." in mandate("list").output
    assert "revoked by operator: enough" in mandate("list", "--all").output
    with pytest.raises(LedgerError, match="was revoked by operator"):
        mandate("revoke", "1", "--because", "again")


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (
            "git push origin main",
            "Mandate 1, signed by operator (a release night), lets it through: 19 of 20 uses are left",
        ),
        ("git push origin dev", ""),
    ],
)
def test_explain_mentions_the_mandate_that_would_answer(mandate: Say, command: str, said: str) -> None:
    granted(mandate)
    result = CliRunner().invoke(app, ["rules", "explain", "night", command, "--clean"], catch_exceptions=False)
    assert (result.exit_code, "andate" in result.output, said in result.output) == (3, bool(said), True)


def test_a_mandate_for_a_tool_of_a_server_starts_it_to_know_what_is_signed(mandate: Say, project: Path) -> None:
    with pytest.raises(Exception, match="time"):
        granted(mandate, "mcp__time__now")
    assert stand(project) == []


def test_a_name_that_is_no_persons_signs_nothing(mandate: Say, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("getpass.getuser", lambda: "night")
    with pytest.raises(LedgerError, match="'night' is none"):
        granted(mandate)
    assert stand(project) == []


def asked(project: Path, *commands: str, planted: str = "") -> None:
    """Enters a run of `night` that asks for these commands."""

    async def enter() -> None:
        async with Ledger.open(f"sqlite+aiosqlite:///{project / 'home' / 'ledger.db'}") as ledger:
            now = datetime.now(UTC)
            facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 4, "asked_level": None, "input": {}}
            await ledger.start_run("run-1", agent="night", fingerprint="f", started_at=now, **facts)
            for number, command in enumerate(commands, start=1):
                call: dict[str, Any] = {"tool": "shell", "args_json": json.dumps({"command": command}), "digest": "d"}
                said: dict[str, Any] = {"kind": "approve", "rule": "ask.push", "reason": "", "words": ""}
                when: dict[str, Any] = {"created_at": now, "deadline": now + timedelta(hours=1)}
                ids: dict[str, Any] = {"ask_id": f"ask-{number}", "run_id": "run-1", "call_id": f"main/{number}"}
                await ledger.open_ask(Ask(**ids, **call, **said, **when, planted=planted))

    asyncio.run(enter())


def signed_with_a_yes(project: Path) -> list[str]:
    """`approve run-1 1 --next 20 --until 48h --yes`, as far as the ledger."""
    until = datetime.now(UTC) + timedelta(hours=48)
    it = signing("run-1", [1], uses=20, until=until, because="", yes=True)

    async def say() -> None:
        async with Ledger.open(f"sqlite+aiosqlite:///{project / 'home' / 'ledger.db'}") as ledger:
            made = await ledger.decide_ask("ask-1", "approved", by="operator", via="cli", digest_seen="d")
            await it.sign(ledger, [made])

    asyncio.run(say())
    return it.lines


def test_a_yes_signs_the_mandate_that_was_shown_once(
    mandate: Say, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked(project, "git push origin main")
    assert signed_with_a_yes(project) == ["Mandate 1 stands, signed by operator. `midwatch mandate revoke 1` ends it."]
    assert "- `shell`: `git push origin main`" in capsys.readouterr().out
    assert signed_with_a_yes(project) == ["No mandate was signed: somebody else decided before."]
    (one,) = stand(project)
    assert (one.mandate.uses, one.mandate.ask_id) == (20, "ask-1")
    assert one.mandate.because == "like the call of run run-1 that was approved"


def test_a_yes_to_a_planted_question_signs_nothing(mandate: Say, project: Path) -> None:
    asked(project, "git push origin main", planted="another branch")
    assert "was planted, and nothing of it may ever run" in signed_with_a_yes(project)[0]
    assert stand(project) == []


def test_what_no_mandate_can_say_is_not_decided_either(mandate: Say, project: Path) -> None:
    asked(project, "git push origin $BRANCH")
    with pytest.raises(LedgerError, match=r"no mandate can be made of it: .*Nothing was decided"):
        signed_with_a_yes(project)


def test_no_run_has_a_way_to_sign_one() -> None:
    project = Path(__file__).parents[2]
    named = [
        str(path.relative_to(project))
        for folder in ("flows", "tasks", "blocks", "midwatch", "cli")
        for path in (project / folder).rglob("*.py")
        if "grant_mandate" in path.read_text()
    ]
    inside = [name for name in named if not name.startswith(("cli/", "tasks/slack/", "tasks/page/"))]
    assert sorted(inside) == ["midwatch/ledger/ledger.py", "midwatch/ledger/mandates.py"]
