"""The backtest: can anything in this process reach out? While `closed_sockets` holds, no socket is made and no process begun.

Python's audit events come from the C code itself, so a module that took `socket.socket` with it before is refused as well.
A connection that stands already, as to a PostgreSQL ledger, goes on being read from.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from midwatch.errors import MidwatchError

REFUSED: Final = frozenset(
    {
        "socket.__new__",
        "socket.connect",
        "socket.bind",
        "socket.sendto",
        "socket.sendmsg",
        "socket.getaddrinfo",
        "socket.gethostbyname",
        "socket.gethostbyaddr",
        "socket.getnameinfo",
        "subprocess.Popen",
        "os.system",
        "os.exec",
        "os.fork",
        "os.forkpty",
        "os.spawn",
        "os.posix_spawn",
    }
)


class SocketRefused(MidwatchError):
    """Something tried to reach out while the past was replayed."""


class _Latch:
    """One for the process: an audit hook can be added and never taken off."""

    def __init__(self) -> None:
        self.closed = 0
        self.hooked = False

    def heard(self, event: str, _args: tuple[Any, ...]) -> None:
        if self.closed and event in REFUSED:
            raise SocketRefused(f"a backtest reaches out to nothing, and something in it tried to ({event})")


_LATCH: Final = _Latch()


@contextmanager
def closed_sockets() -> Iterator[None]:
    """Within it, in every thread of this process, what would open a socket or start a program raises SocketRefused."""
    if not _LATCH.hooked:
        sys.addaudithook(_LATCH.heard)
        _LATCH.hooked = True
    _LATCH.closed += 1
    try:
        yield
    finally:
        _LATCH.closed -= 1
