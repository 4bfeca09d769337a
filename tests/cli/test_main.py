"""The command line itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.conftest import PROJECT

MIDWATCH = str(Path(sys.executable).with_name("midwatch"))
WITHOUT_PREFECT = {
    "budget set --runs 5 --because x": 0,
    "budget": 0,
    "breaker": 0,
    "breaker owl --close --because x": 1,
    "grant inbox-triage 2 --because x": 0,
    "level inbox-triage": 0,
    "promote inbox-triage": 1,
    "incident 0b5c --minor --because x": 1,
    "staged": 0,
    "verify": 0,
    "halt inbox-triage --because x": 0,
    "resume inbox-triage": 0,
    "runs": 0,
    "slots": 0,
    "top --once": 0,
    "inbox": 0,
    "show 0b5c": 1,
    "link 0b5c": 1,
    "metrics": 0,
    "digest": 0,
    "digest --seen": 0,
    "attention": 0,
    "attention close owl": 1,
    "arrivals": 0,
    "pins": 0,
    "reviewers": 0,
    "mandate list": 0,
    "rules proposals": 0,
    "contract inbox-triage": 1,
    "contract inbox-triage --suggest": 1,
    "status": 3,
    "down": 0,
    "lookout": 3,
}
"""With the exit code in a house that was up once, where nothing has run."""

MAKE_ONE = [
    "breaker",
    "budget",
    "digest --seen",
    "grant inbox-triage 2 --because x",
    "halt inbox-triage --because x",
    "level inbox-triage",
    "mandate list",
    "pins",
    "resume inbox-triage",
    "worth inbox-triage --json",
]


def test_status_and_down_of_an_empty_house(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path / "home"))
    status = CliRunner().invoke(app, ["status", "--json"])
    assert (status.exit_code, json.loads(status.output)["phase"]) == (3, "down")
    down = CliRunner().invoke(app, ["down", "--json"])
    assert (down.exit_code, json.loads(down.output.splitlines()[-1])) == (0, {"was_up": False, "interrupted": []})


def test_an_operators_error_is_one_message_and_an_exit_code_from_anywhere(tmp_path: Path) -> None:
    environ = {**os.environ, "MIDWATCH_HOME": str(tmp_path)}
    seen = subprocess.run([MIDWATCH, "env"], env=environ, cwd="/", capture_output=True, text=True)
    assert seen.returncode == 1
    assert seen.stderr == f"midwatch: no house was ever started in {tmp_path}: run `midwatch up` first\n"
    assert seen.stdout == ""


def test_a_wrong_word_exits_with_2() -> None:
    assert CliRunner().invoke(app, ["upp"]).exit_code == 2


def test_a_verb_brings_nothing_of_the_others(tmp_path: Path) -> None:
    script = """
import sys
from cli.main import app
app(["lookout"], standalone_mode=False)
sys.exit(len({"prefect", "sqlalchemy", "httpx", "cli.inbox"} & set(sys.modules)))
"""
    environ = {**os.environ, "MIDWATCH_HOME": str(tmp_path)}
    assert subprocess.run([sys.executable, "-c", script], env=environ, capture_output=True).returncode == 0


def test_a_verb_that_needs_the_ledger_alone_does_without_prefect(tmp_path: Path) -> None:
    """Prefect reads its settings when it is imported, takes seconds, and has analytics until it is told not to."""
    (tmp_path / "prefect").mkdir()  # a house was up here
    script = """
import sys
from typer.testing import CliRunner
import cli.lookout_ledger
from cli.main import app
for line in sys.stdin.read().splitlines():
    done = CliRunner().invoke(app, line.split())
    print(line, done.exit_code, *["with Prefect"] * ("prefect" in sys.modules))
"""
    environ = {**os.environ, "MIDWATCH_PROJECT": str(PROJECT), "MIDWATCH_HOME": str(tmp_path)}
    words = "\n".join(WITHOUT_PREFECT)
    seen = subprocess.run([sys.executable, "-c", script], input=words, env=environ, capture_output=True, text=True)
    assert seen.stdout.splitlines() == [f"{line} {code}" for line, code in WITHOUT_PREFECT.items()], seen.stderr


@pytest.mark.parametrize("verb", MAKE_ONE)
def test_where_there_is_no_ledger_yet_it_is_made(verb: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "prefect").mkdir()  # a house was up here
    monkeypatch.setenv("MIDWATCH_PROJECT", str(PROJECT))
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path))
    monkeypatch.setattr("cli.halt.CUT_SECONDS", 0.0)
    done = CliRunner().invoke(app, verb.split())
    assert (done.exit_code, (tmp_path / "ledger.db").is_file()) == (0, True), done.output
