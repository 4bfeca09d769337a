"""Chaos: a process that is forked, waited for, and killed if it takes too long."""

from __future__ import annotations

import os
import select
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One process, alive or over."""

    pid: int
    pulse: int
    """The end of a pipe whose other end closes when the process is over."""

    def ended(self, seconds: float) -> int:
        """Its exit code, once it is over; negative: the signal that ended it. After `seconds` it is killed."""
        try:
            if not select.select([self.pulse], [], [], seconds)[0]:
                os.kill(self.pid, signal.SIGKILL)
            return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        finally:
            os.close(self.pulse)


def born(live: Callable[[], NoReturn]) -> Child:
    """Fork a process that does nothing but `live`, which leaves it."""
    if threading.active_count() > 1:
        raise RuntimeError("a process that has threads is not forked: a lock of theirs would stay locked")
    pulse, alive = os.pipe()
    pid = os.fork()
    if pid == 0:
        live()
    os.close(alive)
    return Child(pid=pid, pulse=pulse)
