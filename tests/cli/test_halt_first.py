"""The latch on disk is set before anything large is imported; what is not certain is left to the command."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cli.halt_first import halt_first
from midwatch.halt import Target
from tasks.permissions.latch import Latch

RUN = "0b5c6e7a-1111-4222-8333-944444444444"
NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    monkeypatch.setattr("getpass.getuser", lambda: "anna")
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "owl.yaml").touch()
    (tmp_path / "home" / "prefect").mkdir(parents=True)  # a house was up here
    return {"MIDWATCH_PROJECT": str(tmp_path), "MIDWATCH_HOME": str(tmp_path / "home")}


@pytest.mark.parametrize(
    ("words", "target"),
    [
        (["--because", "it spends"], Target.of()),
        (["--because=it spends", "owl", "--json"], Target.of("owl")),
        (["owl", "--because", "it spends"], Target.of("owl")),
        (["--run", RUN, "--because", "it spends"], Target.of(run_id=RUN)),
    ],
)
def test_the_latch_that_it_writes_is_one_that_every_run_reads(
    environ: Mapping[str, str], words: list[str], target: Target
) -> None:
    halt_first(words, environ, NOW)
    (halt,) = Latch(Path(environ["MIDWATCH_HOME"])).standing()
    assert halt.target == target
    assert halt.words() == f"{target.words()} was halted by anna (cli) at 2026-03-01 03:00:00 UTC: it spends"


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["owl"],
        ["--because"],
        ["--because", " "],
        ["--help", "--because", "x"],
        ["owll", "--because", "x"],
        ["../owl", "--because", "x"],
        ["owl", "lark", "--because", "x"],
        ["--run", "0b5c", "--because", "x"],
        ["--run", "../" * 12, "--because", "x"],
        ["owl", "--run", RUN, "--because", "x"],
        ["--because", "x", "--because", "y"],
        ["--whatever", "--because", "x"],
    ],
)
def test_what_is_not_certain_is_left_to_the_command(environ: Mapping[str, str], words: list[str]) -> None:
    halt_first(words, environ, NOW)
    assert Latch(Path(environ["MIDWATCH_HOME"])).standing() == []


def test_a_latch_that_stands_is_left_as_it_is(environ: Mapping[str, str]) -> None:
    halt_first(["--because", "first"], environ, NOW)
    halt_first(["--because", "second"], environ, NOW)
    (halt,) = Latch(Path(environ["MIDWATCH_HOME"])).standing()
    assert halt.because == "first"


def test_a_home_that_cannot_be_written_is_left_to_the_command(environ: Mapping[str, str]) -> None:
    (Path(environ["MIDWATCH_HOME"]) / "halt").write_text("no folder")
    halt_first(["--because", "x"], environ, NOW)


def test_a_home_in_which_no_house_ever_was_is_left_to_the_command(environ: Mapping[str, str], tmp_path: Path) -> None:
    halt_first(["--because", "x"], {**environ, "MIDWATCH_HOME": str(tmp_path / "elsewhere")}, NOW)
    assert not (tmp_path / "elsewhere").exists()


def test_it_imports_next_to_nothing() -> None:
    large = "{'pydantic', 'sqlalchemy', 'typer', 'psutil', 'prefect', 'cli.main'}"
    script = f"import sys, cli.start, cli.halt_first; sys.exit(len({large} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
