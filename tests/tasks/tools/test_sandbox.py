import asyncio
import functools
import os
import shutil
import socket
import subprocess
import sys
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from midwatch.errors import ToolUnavailable
from tasks.tools.sandbox import Bounds, Launch, Sandbox, candidates, find_sandbox, holds
from tasks.tools.shell import run_bounded, shell_tool


@functools.cache
def working() -> dict[str, Sandbox]:
    return {sandbox.name: sandbox for sandbox in candidates() if holds(sandbox)}


@pytest.fixture(params=["bubblewrap", "landlock"])
def sandbox(request: pytest.FixtureRequest) -> Sandbox:
    return working().get(request.param) or pytest.skip(f"{request.param} does not start on this machine")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    (tmp_path / "home" / ".ssh" / "id_test").write_text("secret")
    (tmp_path / "outside.txt").write_text("untouched")
    root = tmp_path / "root"
    root.mkdir()
    return root


async def run(sandbox: Sandbox, root: Path, script: str, *words: str, seconds: float = 20) -> tuple[int | None, str]:
    with sandbox.launch(["bash", "--noprofile", "--norc", "-c", script, "test", *words], Bounds(root=root)) as launch:
        result = await run_bounded(launch, seconds)
    return result["exit_code"], result["output"]


OUTSIDE = [
    'echo x > "$1/outside.txt"',
    'echo x >> "$1/new.txt"',
    'rm -f "$1/outside.txt"',
    'mv "$1/outside.txt" .',
    'truncate -s 0 "$1/outside.txt"',
    'chmod 777 "$1/outside.txt"',
    'touch -d 2001-01-01 "$1/outside.txt"',
    'ln "$1/outside.txt" hard && echo x > hard',
    'ln -s "$1/outside.txt" soft && echo x > soft',
    "cd .. && echo x > outside.txt",
    'echo x > "/proc/self/root$1/outside.txt"',
    'mkdir sub && mount --bind "$1" sub && echo x > sub/outside.txt',
    "perl -e 'truncate $ARGV[0], 0 or utime 0, 0, $ARGV[0] or die' \"$1/outside.txt\"",
]


@pytest.mark.parametrize("script", OUTSIDE)
async def test_nothing_outside_the_root_is_changed(sandbox: Sandbox, root: Path, script: str) -> None:
    outside = root.parent / "outside.txt"
    before = (outside.read_text(), outside.stat().st_mode, outside.stat().st_mtime_ns, sorted(os.listdir(root.parent)))
    await run(sandbox, root, script, str(root.parent))
    after = (outside.read_text(), outside.stat().st_mode, outside.stat().st_mtime_ns, sorted(os.listdir(root.parent)))
    assert after == before


@pytest.mark.parametrize(
    "script",
    [
        'cat "$1/home/.ssh/id_test"',
        'ls "$1/home"',
        'cp -r "$1/home" .',
        'cat "../home/.ssh/id_test"',
        'ln -s "$1/home/.ssh/id_test" here && cat here',
        'cat "/proc/self/root$1/home/.ssh/id_test"',
        'tar cf - "$1/home" | tar xf - ; cat .//*/.ssh/id_test ".$1/home/.ssh/id_test"',
    ],
)
async def test_nothing_outside_the_root_is_read(sandbox: Sandbox, root: Path, script: str) -> None:
    _, output = await run(sandbox, root, script, str(root.parent))
    assert "secret" not in output
    assert not [path for path in root.rglob("*") if path.name == ".ssh"]


async def test_secrets_of_this_process_are_not_in_its_environment(
    sandbox: Sandbox, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("API_TOKEN_OF_OURS", "not-to-be-seen")
    _, output = await run(
        sandbox, root, f"env; cat /proc/{os.getpid()}/environ /proc/{os.getpid()}/cmdline; cat /proc/*/environ"
    )
    assert "not-to-be-seen" not in output
    assert "PATH=/usr/local/bin:/usr/bin:/bin" in output


CONNECT = """
import socket, sys
kind, where = sys.argv[1:]
family = socket.AF_UNIX if kind in ("unix", "abstract") else socket.AF_INET
address = where.replace("@", chr(0)) if family == socket.AF_UNIX else ("127.0.0.1", int(where))
print("began", flush=True)
peer = socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM)
peer.connect(address)
peer.send(b"hello")
"""


@contextmanager
def listening(kind: str, folder: Path) -> Iterator[tuple[socket.socket, str]]:
    """A socket that `CONNECT` could reach, and the word that tells it where."""
    family = socket.AF_UNIX if kind in ("unix", "abstract") else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM if kind == "udp" else socket.SOCK_STREAM) as listener:
        word = f"@midwatch-{os.getpid()}" if kind == "abstract" else str(folder / "listener")
        listener.bind(word.replace("@", "\0") if family == socket.AF_UNIX else ("127.0.0.1", 0))
        if kind != "udp":
            listener.listen()
        listener.setblocking(False)
        yield listener, word if family == socket.AF_UNIX else str(listener.getsockname()[1])


def heard(kind: str, listener: socket.socket) -> bool:
    try:
        if kind == "udp":
            return listener.recv(10) == b"hello"
        listener.accept()[0].close()
    except BlockingIOError:
        return False
    return True


KINDS = ["tcp", "udp", "unix", *(["abstract"] if sys.platform == "linux" else [])]


@pytest.mark.parametrize("kind", KINDS)
async def test_no_connection_leaves_the_sandbox(sandbox: Sandbox, root: Path, kind: str) -> None:
    with listening(kind, root.parent) as (listener, word):
        _, output = await run(sandbox, root, '/usr/bin/python3 -c "$1" "$2" "$3"', CONNECT, kind, word)
        assert output.startswith("began")
        assert not heard(kind, listener)


@pytest.mark.parametrize("kind", KINDS)
async def test_the_same_program_connects_where_nothing_holds_it_back(root: Path, kind: str) -> None:
    with listening(kind, root.parent) as (listener, word):
        await run_bounded(Launch(argv=[sys.executable, "-c", CONNECT, kind, word]), 20)
        assert heard(kind, listener)


async def test_other_processes_cannot_be_killed_or_stopped(sandbox: Sandbox, root: Path) -> None:
    bystander = await asyncio.create_subprocess_exec("sleep", "60")
    try:
        await run(sandbox, root, 'kill -9 "$1"; kill -STOP "$1"; kill -9 -1; pkill -9 sleep', str(bystander.pid))
        assert state_of(bystander.pid) == "S"
    finally:
        bystander.kill()
        await bystander.wait()


@pytest.mark.parametrize(
    "script",
    [
        "sleep 4711.5 & wait",
        "setsid sleep 4711.5 & sleep 4711.5",
        "(setsid setsid sleep 4711.5 </dev/null >/dev/null 2>&1 &) ; sleep 4711.5",
        "trap '' TERM HUP INT; setsid bash -c \"trap '' TERM HUP; sleep 4711.5; sleep 4711.5\" & sleep 4711.5",
    ],
)
async def test_nothing_outlives_the_timeout(sandbox: Sandbox, root: Path, script: str) -> None:
    code, output = await run(sandbox, root, script, seconds=0.5)
    assert code is None
    assert "stopped after 0.5 seconds" in output
    assert await gone("4711.5")


async def test_nothing_outlives_the_command(sandbox: Sandbox, root: Path) -> None:
    code, _ = await run(sandbox, root, "setsid sleep 4712.5 >/dev/null 2>&1 & exit 3")
    assert code == 3
    assert await gone("4712.5")


async def test_nothing_outlives_the_death_of_its_parent(sandbox: Sandbox, root: Path) -> None:
    parent = "import subprocess, sys; subprocess.run(sys.argv[1:], close_fds=False)"
    command = ["bash", "-c", "setsid sleep 4713.5 & echo up; sleep 4713.5"]
    with sandbox.launch(command, Bounds(root=root)) as launch:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", "-c", parent, *launch.argv), pass_fds=launch.passed, stdout=PIPE
        )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"up\n"
    process.kill()
    assert await process.stdout.read() == b""  # the end of the pipe: nobody is left who holds it
    await process.wait()
    assert await gone("4713.5")


def state_of(pid: int) -> str:
    """`S` sleeping, `T` stopped, `` gone."""
    return subprocess.run(
        ["ps", "-o", "state=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()[:1]


async def gone(argument: str) -> bool:
    """Nobody runs `sleep ARGUMENT` any more; the kernel may take a moment to end a whole namespace."""
    for _ in range(100):
        found = subprocess.run(["ps", "-eo", "args="], capture_output=True, text=True, check=True).stdout  # noqa: ASYNC221
        if f"sleep {argument}" not in found.splitlines():
            return True
        await asyncio.sleep(0.02)
    return False


async def test_ordinary_work_in_the_root_is_possible(sandbox: Sandbox, root: Path) -> None:
    work = "mkdir a && echo hi > a/f && mv a/f a/g && cat a/g | tr h H > b && cat b && rm -r a && ls"
    script = f"{work} && echo gone > /dev/null && mktemp > /dev/null && pwd"
    assert await run(sandbox, root, script) == (0, f"Hi\nb\n{root}\n")


async def test_a_file_has_a_largest_size(sandbox: Sandbox, root: Path) -> None:
    code, _ = await run(sandbox, root, "trap '' XFSZ; dd if=/dev/zero of=big bs=1M seek=2000 count=1")
    assert code != 0
    assert not (root / "big").exists() or (root / "big").stat().st_size <= 1 << 30


async def test_memory_has_a_limit(sandbox: Sandbox, root: Path) -> None:
    code, output = await run(sandbox, root, "/usr/bin/python3 -c 'bytearray(6 << 30)'")
    assert code != 0
    assert "MemoryError" in output


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("bwrap"), reason="no bubblewrap on this machine")
def test_a_sandbox_that_does_not_hold_is_found_out() -> None:
    @dataclass(frozen=True)
    class Open:
        name: str = "none"
        gaps: str = "everything"
        guards: bool = False
        wrapper: tuple[str, ...] = ("env",)

        @contextmanager
        def launch(self, command: Sequence[str], bounds: Bounds) -> Iterator[Launch]:
            yield Launch(argv=[*self.wrapper, "-C", str(bounds.root), *command])

    assert not holds(Open())
    assert not holds(Open(wrapper=("false",)))


def test_the_best_that_works_is_found_and_remembered() -> None:
    assert find_sandbox() == next(iter(working().values()), None)
    assert find_sandbox() is find_sandbox()


def test_without_a_sandbox_there_is_no_shell(tmp_path: Path) -> None:
    with pytest.raises(ToolUnavailable, match="no sandbox works on this machine"):
        shell_tool(None, tmp_path, where="tools[0]")
