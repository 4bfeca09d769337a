"""What may run unasked is to bash what it is to the engine: allowed lines are run by a real bash among stand-in programs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from midwatch.calls import parse_call
from midwatch.policy import Policy, compile_policy
from midwatch.policy.commands import read_line
from midwatch.spec import Rules

BASH = shutil.which("bash")
PROGRAMS = ("git", "ls", "rg", "wc", "cat", "evil")
STAND_IN = '#!{bash}\nprintf "%s\\0" {name} "$@" > "{folder}/ran.$$.$RANDOM"\n'
PIECES = [
    *(
        "git status",
        "ls",
        "rg",
        "wc -l",
        "cat",
        "evil",
        "a",
        "-la",
        "'a b'",
        '"c d"',
        "x\\ y",
        "''",
        "a=b",
        "a#b",
        "--x='y;z'",
    ),
    *(
        " ",
        " ",
        " ",
        "\t",
        "\n",
        "\\\n",
        "&&",
        "||",
        "|",
        ";",
        "&",
        "|&",
        ";;",
        "2>&1",
        ">/dev/null",
        ">",
        "<",
        "<<",
        "<<<",
    ),
    *(
        "'",
        '"',
        "\\",
        "$x",
        "$(evil)",
        "`evil`",
        "${x}",
        "<(evil)",
        "$'a'",
        "(",
        ")",
        "{",
        "}",
        "!",
        "~",
        "#",
        "# evil\n",
    ),
    *(
        "<<'E'\nx\nE",
        "\nE\n",
        "E",
        "\nevil",
        "\u00a0",
        "\u2028",
        "\u200b",
        "\r",
        "if ",
        "then ",
        "fi",
        "time ",
        "coproc ",
        "[[",
    ),
]
LINES = st.lists(st.sampled_from(PIECES), min_size=1, max_size=6).map("".join)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    top = tmp_path_factory.mktemp("bash")
    (top / "bin").mkdir()
    for name in PROGRAMS:
        program = top / "bin" / name
        program.write_text(STAND_IN.format(bash=BASH, name=name, folder=top))
        program.chmod(0o755)
    (top / "work").mkdir()
    return top


def policy(folder: Path) -> Policy:
    rules = Rules(allow=[{"shell": ["git status ...", "ls ...", "rg ...", "wc ...", "cat ..."]}])
    return compile_policy(rules, tools={"shell": "execute"}, roots={}, project=folder / "work")


def ran(folder: Path, line: str) -> tuple[list[tuple[str, ...]], bytes]:
    for old in folder.glob("ran.*"):
        old.unlink()
    assert BASH is not None
    argv = [BASH, "--noprofile", "--norc", "-c", line]
    done = subprocess.run(
        argv,
        env={"PATH": str(folder / "bin")},
        cwd=folder / "work",
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
    )
    programs = [tuple(file.read_text().split("\0")[:-1]) for file in folder.glob("ran.*")]
    return programs, done.stderr


@pytest.mark.skipif(BASH is None, reason="there is no bash on this machine")
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.sampled_from(["ls ", "git status ", "rg ", "cat "]), LINES)
def test_bash_runs_exactly_the_commands_that_were_judged(folder: Path, head: str, tail: str) -> None:
    line = head + tail
    assume(policy(folder).decide(parse_call("shell", {"command": line})).verdict == "allow")
    judged = [tuple(word.text for word in argv) for argv in read_line(line).commands]
    programs, errors = ran(folder, line)
    assert set(programs) <= set(judged)
    assert b"not found" not in errors
    assert b"syntax" not in errors
    assert not list((folder / "work").iterdir())


@pytest.mark.parametrize("line", ["{\U000be273", "{\U0010b902\xaf f", "ls {\u00e9..9}"])
def test_a_brace_before_a_character_beyond_ascii_does_not_end_the_process(line: str) -> None:
    found = read_line(line)
    assert found.unclear or found.commands


@given(st.text(max_size=60))
def test_no_line_makes_the_reader_fail(line: str) -> None:
    found = read_line(line)
    assert found.unclear or found.commands
