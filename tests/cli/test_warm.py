"""A run is forked from a process that has everything imported, and nobody could tell, but for the time."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from cli import inhabitants, start_run
from cli.start_run import NUMBER, READY, SOCKET
from tests.cli import small_warm
from tests.cli.small_house import eventually

REPOSITORY = Path(__file__).parent.parent.parent
TELL = """
import json, os, random, sys, threading
print(json.dumps({
    "warm": "colour" in sys.modules, "argv": sys.argv[1:], "path": sys.path[0], "cwd": os.getcwd(), "pid": os.getpid(),
    "environment": dict(os.environ), "files": sorted(os.listdir("/dev/fd")), "threads": threading.active_count(),
    "random": random.random(), "parent": os.getppid(), "name": __name__, "group": os.getpgrp(),
}))
"""
COPY = "import sys; print(sys.stdin.read()); print('to stderr', file=sys.stderr); sys.exit(7)"
WAIT = """
import pathlib, signal, subprocess, sys
def asked(*_):
    pathlib.Path("asked").touch()
    sys.exit(5)
if "politely" in sys.argv:
    signal.signal(signal.SIGTERM, asked)
sleeper = subprocess.Popen(["sleep", "300"])
pathlib.Path("waits").write_text(f"{sleeper.pid} ")
signal.pause()
"""
READY_TO_FORK = """
import sys
from cli.warm import import_all
import_all()
from pydantic_ai.messages import ModelMessagesTypeAdapter
print("pydantic.v1" in sys.modules, ModelMessagesTypeAdapter.pydantic_complete)
"""
COLOUR = "import colour; print(colour.NAME)"


@dataclass(kw_only=True)
class Place:
    """A home with a warm process, and a folder with modules to run."""

    folder: Path
    home: Path
    warm: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def argv(self, module: str, *words: str) -> list[str]:
        return [sys.executable, "-I", "-S", start_run.__file__, "-m", module, *words]

    def run(self, module: str, *words: str, said: str = "", **more: str) -> subprocess.CompletedProcess[str]:
        environment = self.environment | more
        return subprocess.run(
            self.argv(module, *words), cwd=self.folder, env=environment, input=said, capture_output=True, text=True
        )

    def told(self, *words: str, **more: str) -> Mapping[str, object]:
        facts = json.loads(self.run("tell", *words, **more).stdout)
        assert isinstance(facts, dict)
        return facts

    def waiting(self, *words: str) -> tuple[subprocess.Popen[bytes], psutil.Process]:
        """A caller whose child waits, and the process that the child has started."""
        (self.folder / "waits").unlink(missing_ok=True)
        caller = subprocess.Popen(self.argv("wait", *words), cwd=self.folder, env=self.environment)
        return caller, eventually(self._started)

    def _started(self) -> psutil.Process | None:
        words = (self.folder / "waits").read_text() if (self.folder / "waits").exists() else ""
        return psutil.Process(int(words)) if words.endswith(" ") else None


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules").resolve()
    for name, code in {"tell": TELL, "copy_in": COPY, "wait": WAIT, "colours": COLOUR}.items():
        (folder / f"{name}.py").write_text(code)
    return folder


@pytest.fixture(scope="module")
def place(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """A warm process that serves all tests of this file but those that end it."""
    yield from _place(folder, tmp_path_factory.mktemp("home"))


@pytest.fixture
def own_place(folder: Path, tmp_path: Path) -> Iterator[Place]:
    yield from _place(folder, tmp_path)


def _place(folder: Path, home: Path, colour: str = "NAME = 'red'\n") -> Iterator[Place]:
    (home / "colour.py").write_text(colour)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_API_AUTH_STRING": "midwatch:not-a-password",
        "DO_NOT_TRACK": "1",
        "LC_CTYPE": "C.UTF-8",
        "MIDWATCH_HOME": str(home),
        "PYTHONPATH": os.pathsep.join([str(home), str(REPOSITORY)]),
        "PYTHONDONTWRITEBYTECODE": "1",  # a second version of a module in the same second would be taken for the first
    }
    with subprocess.Popen([sys.executable, small_warm.__file__], cwd=folder, env=environment) as warm:
        eventually((home / SOCKET).exists, seconds=60)
        try:
            yield Place(folder=folder, home=home, warm=warm, environment=environment)
        finally:
            warm.kill()


def test_a_child_has_what_was_imported_and_is_told_what_a_fresh_python_would_be(place: Place) -> None:
    facts = place.told("a", "b c")
    assert place.warm
    assert facts["parent"] == place.warm.pid
    assert facts["warm"] is True
    assert (facts["name"], facts["argv"]) == ("__main__", ["a", "b c"])
    assert (facts["path"], facts["cwd"]) == (str(place.folder), str(place.folder))


def test_the_environment_is_the_callers_and_nobody_elses(place: Place) -> None:
    assert place.told(SECRET="of one run")["environment"] == place.environment | {"SECRET": "of one run"}
    assert place.told()["environment"] == place.environment


def test_nothing_else_is_handed_down(place: Place) -> None:
    caller, _ = place.waiting()  # another child, whose line is open in the warm process
    with caller:
        first, second = place.told(), place.told()
        caller.kill()
    listing = "3"  # what lists the folder has it open
    assert first["files"] == second["files"] == ["0", "1", "2", listing]
    assert first["threads"] == 1
    assert first["random"] != second["random"]
    assert first["group"] == first["pid"]


def test_streams_and_the_exit_code_are_the_childs(place: Place) -> None:
    ended = place.run("copy_in", said="something")
    assert (ended.returncode, ended.stdout, ended.stderr) == (7, "something\n", "to stderr\n")


def test_a_signal_is_passed_on(place: Place) -> None:
    caller, _ = place.waiting("politely")
    caller.terminate()
    assert caller.wait(timeout=10) == 5
    assert (place.folder / "asked").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_caller_dies_of_what_its_child_died_of(place: Place, number: signal.Signals) -> None:
    caller, sleeper = place.waiting()
    os.kill(sleeper.ppid(), number)
    assert caller.wait(timeout=10) == -number
    sleeper.kill()


def test_a_killed_caller_takes_its_child_and_all_that_this_started(place: Place) -> None:
    caller, sleeper = place.waiting()
    child = psutil.Process(sleeper.ppid())
    caller.kill()
    caller.wait()
    eventually(lambda: not inhabitants.lives(child) and not inhabitants.lives(sleeper))


def test_only_the_owner_reaches_the_socket_and_only_who_knows_the_password_is_answered(place: Place) -> None:
    assert stat.S_IMODE((place.home / SOCKET).stat().st_mode) == 0o600
    assert place.told(PREFECT_API_AUTH_STRING="midwatch:a-guess")["warm"] is False


@pytest.mark.parametrize(
    "said",
    [
        b"",
        b"no number",
        NUMBER.pack(-1),
        NUMBER.pack(2**31 - 1) + b"{",
        NUMBER.pack(2) + b"[]",
        NUMBER.pack(100_000) + b"[" * 100_000,
    ],
)
def test_who_says_something_else_is_not_answered_and_does_no_harm(place: Place, said: bytes) -> None:
    with socket.socket(socket.AF_UNIX) as line, contextlib.chdir(place.home):
        line.connect(SOCKET)
        assert line.recv(1) == READY
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        with contextlib.suppress(ConnectionResetError):  # so it ends where something was left unread
            assert line.recv(1) == b""
    assert place.told()["warm"] is True


@pytest.mark.parametrize("name", ["PYTHONHASHSEED", "PREFECT_LOGGING_LEVEL"])
def test_who_would_have_started_otherwise_gets_a_fresh_python(place: Place, name: str) -> None:
    value = {"PYTHONHASHSEED": "1", "PREFECT_LOGGING_LEVEL": "ERROR"}[name]
    facts = place.told(**{name: value})
    assert facts["warm"] is False
    assert facts["environment"] == place.environment | {name: value}


def test_without_a_warm_process_a_fresh_python_does_it(place: Place, tmp_path: Path) -> None:
    assert place.told(MIDWATCH_HOME=str(tmp_path))["warm"] is False
    assert place.run("copy_in", said="something", MIDWATCH_HOME="").returncode == 7


def test_who_asks_while_it_imports_waits_for_it(folder: Path, tmp_path: Path) -> None:
    lasting = f"import os, time\nwhile not os.path.exists({str(tmp_path / 'done')!r}):\n    time.sleep(0.01)\n"
    with (
        contextlib.contextmanager(_place)(folder, tmp_path, lasting) as place,
        subprocess.Popen(place.argv("tell"), cwd=folder, env=place.environment, stdout=subprocess.PIPE) as caller,
    ):
        (tmp_path / "done").touch()
        assert json.loads(caller.communicate()[0])["warm"] is True


def test_a_killed_warm_process_takes_its_children_and_their_callers_see_a_crash(own_place: Place) -> None:
    caller, sleeper = own_place.waiting()
    assert own_place.warm
    own_place.warm.kill()
    assert caller.wait(timeout=10) == -signal.SIGKILL
    eventually(lambda: not inhabitants.lives(sleeper))
    assert own_place.told()["warm"] is False


def test_changed_code_is_not_served_from_memory_and_who_runs_already_runs_on(own_place: Place) -> None:
    caller, _ = own_place.waiting("politely")
    assert own_place.run("colours").stdout == "red\n"
    (own_place.home / "colour.py").write_text("NAME = 'blue'\n")
    assert own_place.run("colours").stdout == "blue\n"
    assert own_place.warm
    eventually(lambda: own_place.told()["parent"] == own_place.warm.pid, seconds=120)  # type: ignore[union-attr]
    assert own_place.run("colours").stdout == "blue\n"
    caller.terminate()
    assert caller.wait(timeout=10) == 5


def test_all_that_runs_need_is_imported_and_built_before_they_are_forked_and_no_thread_is_started() -> None:
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "ANTHROPIC_API_KEY": "not-a-key"}
    ended = subprocess.run([sys.executable, "-c", READY_TO_FORK], env=environment, capture_output=True, text=True)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "True True\n", "")
