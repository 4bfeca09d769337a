import asyncio
import os
import subprocess
from collections.abc import Callable

import pytest

from tasks.tools.sandbox import find_sandbox
from tasks.tools.shell import OUTPUT_HALF, bash_words, plain_words
from tests.tasks.tools.agent_tools import Tools, declared


@pytest.fixture
def shell(tools_of: Callable[..., Tools]) -> Tools:
    if find_sandbox() is None:
        pytest.skip("no sandbox starts on this machine")
    return tools_of({"shell": {"root": "work"}})


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("ls -la sub/dir", ["ls", "-la", "sub/dir"]),
        ("grep 'a | b' \"c d\"", ["grep", "a | b", "c d"]),
        ("git log --format=%h", ["git", "log", "--format=%h"]),
        ("ls; rm x", None),
        ("ls | wc", None),
        ("ls > f", None),
        ("ls $HOME", None),
        ('ls "$HOME"', None),
        ("ls `x`", None),
        ("ls *.py", None),
        ("ls ~", None),
        ("ls a\\ b", ["ls", "a b"]),
        ("ls # all", None),
        ("! ls", None),
        ("time ls", None),
        ("exit 3", None),
        ("eval ls", None),
        ("ls {a,b}", None),
        ("ls\nrm x", None),
        ("ls &", None),
        ("A=1 ls", None),
        ("cd sub", None),
        ("export A", None),
        ("ls 'unclosed", None),
        ("", None),
        ("   ", None),
    ],
)
def test_a_single_plain_command_runs_without_a_shell(command: str, words: list[str] | None) -> None:
    assert plain_words(command) == words


@pytest.mark.parametrize("command", ["printf %s,%s 'a | b' \"c d\"", "printf a@b%%c+d=e:f,g./h-i", "printf 'a'\"b\"c"])
def test_the_words_are_the_ones_that_bash_would_see(command: str) -> None:
    words = plain_words(command)
    assert words is not None
    mine, bashs = (
        subprocess.run(argv, capture_output=True, text=True, check=True).stdout for argv in (words, bash_words(command))
    )
    assert mine == bashs


async def test_a_command_tells_its_exit_code_and_its_output(shell: Tools) -> None:
    assert await shell.call("shell", command="echo out; echo err >&2; exit 3") == {
        "exit_code": 3,
        "output": "out\nerr\n",
    }
    assert (await shell.call("shell", command="no-such-program"))["exit_code"] == 127


async def test_a_long_output_is_cut_in_the_middle(shell: Tools) -> None:
    output = (await shell.call("shell", command="seq 1 100000"))["output"]
    assert output.startswith("1\n2\n")
    assert output.endswith("99999\n100000\n")
    assert "bytes left out" in output
    assert len(output) < 2 * OUTPUT_HALF + 100


async def test_a_command_that_is_cancelled_is_ended(shell: Tools) -> None:
    work = shell.facts.project / "work"
    work.mkdir()
    os.mkfifo(work / "pipe")
    running = asyncio.create_task(shell.call("shell", command="echo up > pipe; sleep 4714.5"))
    assert await asyncio.to_thread((work / "pipe").read_text) == "up\n"
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert "sleep 4714.5" not in processes()


def processes() -> str:
    return subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout


async def test_the_shell_can_do_anything_and_says_so(shell: Tools) -> None:
    facts = declared((await shell.listed())["shell"])
    assert (facts.risk, facts.idempotent, facts.untrusted) == ("execute", False, True)
