"""A sample of the fuzz target, and that each of its judges notices what it is there for."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmarks import policy_fuzz
from benchmarks.fuzzed import lines, paths, programs, urls
from benchmarks.fuzzed.stage import stage

pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "bwrap"))), reason="it needs bash, and bubblewrap to run programs behind"
)


def test_no_allowed_mutant_means_something_else(tmp_path: Path) -> None:
    output = tmp_path / "policy_fuzz.json"
    assert policy_fuzz.main(["--minutes", "0.17", "--seed", "2", "--json", "--output", str(output)]) == 0
    kinds = json.loads(output.read_text())["kinds"]
    assert {kind["kind"] for kind in kinds} == {"lines", "arguments", "paths", "urls"}
    assert all(kind["cases"] and not kind["violations"] for kind in kinds)


def test_bash_is_asked_about_what_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lines, "is_allowed", lambda *_: True)
    with lines.line_oracle() as judged:
        assert judged("git status && ls 'a b' src/*.py; echo $?") == ""
        assert "calls" in (judged("git status; $(printf evil)") or "")
        assert "leaves" in (judged("ls >new") or "")


def test_real_programs_are_asked_about_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "is_allowed", lambda *_: True)
    with programs.program_oracle() as (_, judged):
        assert judged("sort -u a") == ""
        assert "leaves" in (judged("sort -u a -o out") or "")
        assert "evil" in (judged("sed '1e evil' a") or "")


def test_a_program_can_change_nothing_beside_the_stage(tmp_path: Path) -> None:
    beside = tmp_path / "beside"
    beside.write_text("untouched")
    beside.chmod(0o666)
    with stage({}) as here:
        here.invite(["bash"])
        here.play([str(here.bin / "bash"), "-c", f"echo here >mine; echo gone >{beside}"])
        assert (here.work / "mine").read_text() == "here\n"
    assert beside.read_text() == "untouched"


def test_the_kernel_is_asked_about_paths(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(paths, "is_allowed", lambda *_: True)
    with paths.path_oracle() as judged:
        assert judged("in/up/in/a.txt") == ""
        assert "leads to" in (judged("in/deep/climb/out/x") or "")


def test_other_parsers_are_asked_about_urls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(urls, "is_allowed", lambda *_: True)
    with urls.url_oracle() as judged:
        assert judged("https://api.example.com/v1/x?y=1") == ""
        assert "evil.test" in (judged("https://api.example.com@evil.test/v1/") or "")
        assert "/v2" in (judged("https://api.example.com/v1/../v2") or "")


def test_a_stand_in_never_writes_through_to_the_real_program(tmp_path: Path) -> None:
    real = tmp_path / "real"
    real.write_text("untouched")
    with stage({}) as here:
        (here.bin / "sort").symlink_to(real)
        here.stand_in(["sort"])
        assert not (here.bin / "sort").is_symlink()
    assert real.read_text() == "untouched"
