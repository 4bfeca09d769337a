"""The house: what does a run find already imported? A process that is forked for each run, in place of a fresh Python.

Run as `python -m cli.warm`, one a house. It listens on a socket that only its owner reaches (`start_run.py` is at the other
end), imports what every run needs, and forks: the child takes over the caller's environment, folder and standard streams
and runs the caller's module. Nothing else is handed down: one thread, no event loop, no other open file.

A child is only as good as what was imported. When a file of an imported module has changed, this process begins anew; by
`exec`, so that it stays the parent of the children that it has. Who had asked by then is not answered, and starts a fresh
Python; who asks later waits for what is imported.
"""

from __future__ import annotations

import contextlib
import gc
import hmac
import importlib
import json
import os
import select
import signal
import socket
import sys
import threading
import time
import traceback
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

from cli.forked import Request, become
from cli.home import locate
from cli.start_run import NUMBER, PATIENCE, READY, SOCKET

IMPORTED: tuple[str, ...] = (
    "prefect.flow_engine",
    "prefect.task_engine",
    "prefect.deployments.steps.pull",
    "prefect.utilities.visualization",
    "pydantic.v1",
    "tasks.harness.run",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "pydantic_ai.models.openai",
    "pydantic_ai.providers.openai",
    "openai.resources.chat.chat",
    "genai_prices.data",
    "anyio._backends._asyncio",
    "rich._emoji_codes",
)
"""What every run imports sooner or later. Agents' own tools are not among it: each child imports them anew."""
FOR_KEY = {"ANTHROPIC_API_KEY": ("pydantic_ai.models.anthropic", "pydantic_ai.providers.anthropic")}
"""What runs import where this variable is set."""
AUTH = "PREFECT_API_AUTH_STRING"
LARGEST = 1 << 24
"""Bytes of a request; it is mostly an environment."""


@dataclass(kw_only=True)
class Warm:
    """The parent's side."""

    listener: socket.socket
    imported: Mapping[str, int]
    """The files of all imported modules, and when each was last changed."""
    lives: dict[int, socket.socket] = field(default_factory=dict)
    """The children, and for each the line to who asked for it."""

    def serve(self) -> Request:
        """Fork for whoever asks. Returns in the children only."""
        with contextlib.ExitStack() as here:
            listener = here.enter_context(self.listener)
            deaths, bell = (here.enter_context(end) for end in socket.socketpair())
            bell.setblocking(False)
            signal.signal(signal.SIGCHLD, lambda *_: None)
            signal.set_wakeup_fd(bell.fileno(), warn_on_full_buffer=False)
            while True:
                self._bury()
                ready, _, _ = select.select([listener, deaths, *self.lives.values()], [], [])
                if deaths in ready:
                    deaths.recv(4096)
                for pid in [pid for pid, line in self.lives.items() if line in ready]:
                    self._hear(pid)
                if listener in ready and (request := self._answer(listener.accept()[0])):
                    return request

    def _bury(self) -> None:
        """Tell the callers of children that have ended how they ended."""
        for pid, line in list(self.lives.items()):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                tell(line, os.waitstatus_to_exitcode(status))
                self.lives.pop(pid).close()

    def _hear(self, pid: int) -> None:
        """Pass the caller's signals on. A caller that is gone takes its child with it, and all that this started."""
        try:
            numbers = self.lives[pid].recv(64)
        except OSError:
            numbers = b""
        for number in numbers or [signal.SIGKILL]:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # it has ended, and is buried next
                os.killpg(pid, number)

    def _answer(self, line: socket.socket) -> Request | None:
        """Give the caller its child. A request where this is the child."""
        if file := changed(self.imported):
            self._begin_anew(f"{file} has changed")
        request = asked(line)
        pid = forked() if request else None
        if pid == 0:
            self._forget(line)
            return request
        for descriptor in request.stdio if request else ():
            os.close(descriptor)
        if pid is None:
            line.close()
            return None
        with contextlib.suppress(OSError):  # the child does it as well; whoever is first
            os.setpgid(pid, pid)
        self.lives[pid] = line
        tell(line, pid)
        return None

    def _forget(self, line: socket.socket) -> None:
        """In a child: nothing is left of the parent but what `serve` opened, and that it closes."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for each in (line, *self.lives.values()):
            each.close()
        self.lives.clear()

    def _begin_anew(self, why: str) -> NoReturn:
        print(f"{why}: everything is imported anew, {len(self.lives)} runs go on", flush=True)
        for line in self.lives.values():
            line.set_inheritable(True)
        lives = {pid: line.fileno() for pid, line in self.lives.items()}
        os.execv(sys.executable, [sys.executable, "-m", "cli.warm", json.dumps(lives)])  # noqa: S606  # no shell, as meant


def asked(line: socket.socket) -> Request | None:
    """What the caller wants; None when it is gone, may not ask, or does not speak as `start_run.py` does."""
    line.settimeout(PATIENCE)
    stdio: list[int] = []
    try:
        line.sendall(READY)
        head, stdio, _, _ = socket.recv_fds(line, NUMBER.size, 3)
        request = Request(stdio=stdio, **json.loads(whole(line, *NUMBER.unpack(head))))
        if trusted(request):
            return request
    except Exception as error:  # anybody may have sent anything, and the runs here are not to die of it
        print(f"not understood: {error!r}", flush=True)
    for descriptor in stdio:
        os.close(descriptor)
    return None


def whole(line: socket.socket, size: int) -> bytes:
    """So many bytes, all of them before patience ends, however slowly they come. Raises OSError, or ValueError."""
    until, data = time.monotonic() + PATIENCE, b""
    if size > LARGEST:
        raise ValueError(f"{size} bytes are too many")
    while len(data) < size:
        line.settimeout(max(until - time.monotonic(), 0.001))
        if not (more := line.recv(size - len(data))):
            raise ConnectionError("the caller is gone")
        data += more
    return data


def forked() -> int | None:
    """As `os.fork`; None where the machine has no room for one more. Nobody else is to die of that."""
    try:
        return os.fork()
    except OSError as error:
        print(f"no child: {error}", flush=True)
        return None


def trusted(request: Request) -> bool:
    """Whether the caller knows the house's password, with which it could have any program run anyway.

    The socket's mode does not tell: a command in a sandbox is of the same user, and may reach the socket without being
    able to read any secret.
    """
    known, told = os.environ.get(AUTH, ""), request.environment.get(AUTH, "")
    return bool(known) and hmac.compare_digest(os.fsencode(known), os.fsencode(told))


def tell(line: socket.socket, number: int) -> None:
    with contextlib.suppress(OSError):  # a caller that is gone need not know
        line.sendall(NUMBER.pack(number))


def listening(home: Path) -> socket.socket:
    """The socket in `home`, open to its owner alone."""
    listener, before = socket.socket(socket.AF_UNIX), os.umask(0o177)
    with contextlib.chdir(home):
        Path(SOCKET).unlink(missing_ok=True)
        listener.bind(SOCKET)
    os.umask(before)
    listener.listen()
    return listener


def imported_files(began: int) -> dict[str, int]:
    """Every file that a module came from, and its time; 0 for one that was written to since this process `began`."""
    files = {file for module in list(sys.modules.values()) if (file := getattr(module, "__file__", None))}
    times = {file: os.stat(file).st_mtime_ns for file in files if os.path.exists(file)}
    now = time.time_ns()
    return {file: 0 if began < written < now else written for file, written in times.items()}


def changed(imported: Mapping[str, int]) -> str | None:
    """A file that is no longer what was imported."""
    for file, written in imported.items():
        try:
            if os.stat(file).st_mtime_ns != written:
                return file
        except OSError:
            return file
    return None


def import_all() -> None:
    """What runs need. A child that needs what cannot be imported meets the same error, and says so to whoever asked."""
    for name in (*IMPORTED, *(name for key, names in FOR_KEY.items() if os.environ.get(key) for name in names)):
        try:
            importlib.import_module(name)
        except Exception:
            traceback.print_exc()
    if history := sys.modules.get("tasks.harness.history"):
        history.build_codecs()
    if threading.active_count() > 1:
        raise SystemExit(f"an import has started a thread, so nothing can be forked: {threading.enumerate()}")
    gc.collect()
    gc.freeze()  # what is imported stays shared with the children


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the supervisor, which then ends this process
    began, (carried, *_) = time.time_ns(), (*sys.argv[1:], "{}")
    lives = {int(pid): socket.socket(fileno=descriptor) for pid, descriptor in json.loads(carried).items()}
    listener = listening(locate(os.environ).home)  # who asks from now on waits for what is imported next
    import_all()
    become(Warm(listener=listener, imported=imported_files(began), lives=lives).serve())


if __name__ == "__main__":
    main()
