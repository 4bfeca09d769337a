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

MIDWATCH = str(Path(sys.executable).with_name("midwatch"))


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


def test_the_command_line_starts_without_prefect() -> None:
    """Prefect reads its settings when it is imported, takes seconds, and has analytics until it is told not to."""
    script = "import sys, cli.main; sys.exit('prefect' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
