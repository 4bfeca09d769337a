"""The house: how does a run start at once? What the worker starts for each run, in the place of `python`.

`python -I -S start_run.py -m MODULE` does what `python -m MODULE` does: it asks the warm process (`warm.py`) for a child
that has everything imported, hands its signals on to it, and ends as it ends. When there is none, it becomes
`python -m MODULE` itself. Only the standard library, and little of it: this is what each run waits for.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import struct
import sys
from types import FrameType

SOCKET = "warm.sock"
"""In Midwatch's home. Both ends go there, because the path of a socket may have only about 100 characters."""
READY = b"!"
NUMBER = struct.Struct("!i")
PATIENCE = 2.0
"""Seconds for one end to wait for the other: it answers at once, or never."""
COMING = 30.0
"""Seconds for a warm process to be ready, which listens before it imports."""
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


def main() -> None:
    os.setpgid(0, 0)  # Ctrl-C in the house's terminal is for the house, which ends its runs itself
    line = connected(os.environ.get("MIDWATCH_HOME", ""))
    pid = asked(line) if line else None
    if line is None or pid is None:
        os.execv(sys.executable, [sys.executable, *sys.argv[1:]])  # noqa: S606  # no shell, as meant
    end_as(followed(line, pid))


def connected(home: str) -> socket.socket | None:
    """A line to the warm process of `home` as soon as it hears nobody else; None when there is none."""
    line = socket.socket(socket.AF_UNIX)
    line.settimeout(COMING)
    with contextlib.suppress(OSError):
        with contextlib.chdir(home):
            line.connect(SOCKET)
        if line.recv(len(READY)) == READY:
            line.settimeout(PATIENCE)
            return line
    line.close()
    return None


def asked(line: socket.socket) -> int | None:
    """The child that is now what this process should be; None when there is none."""
    body = json.dumps({"argv": sys.argv[1:], "cwd": os.getcwd(), "environment": dict(os.environ)}).encode()
    try:
        socket.send_fds(line, [NUMBER.pack(len(body))], [0, 1, 2])
        line.sendall(body)
        return received(line)
    except OSError:
        return None


def received(line: socket.socket) -> int | None:
    """The next number on the line; None when it was closed."""
    data = line.recv(NUMBER.size)  # a few bytes, sent at once, come at once
    return int(NUMBER.unpack(data)[0]) if data else None


def followed(line: socket.socket, pid: int) -> int:
    """The exit code of the child, negative for the signal that ended it."""

    def pass_on(number: int, _: FrameType | None) -> None:
        line.send(bytes([number]))

    line.settimeout(None)
    for number in PASSED_ON:
        signal.signal(number, pass_on)
    try:
        code = received(line)
    except OSError:
        code = None
    return orphaned(pid) if code is None else code


def orphaned(pid: int) -> int:
    """The warm process is gone, and nobody would know how its child ends: end it, as a crash."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)
    return -signal.SIGKILL


def end_as(code: int) -> None:
    if code < 0:
        if -code != signal.SIGKILL:
            signal.signal(-code, signal.SIG_DFL)
        os.kill(os.getpid(), -code)
    sys.exit(code)


if __name__ == "__main__":
    main()
