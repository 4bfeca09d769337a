"""Harness: what if a halted run does not even hear that it is cut off? A thread beside it ends its process.

A tool that blocks the whole event loop, or swallows its cancellation, keeps the watch from doing anything. Such a process is
killed as a crash would kill it: what it has started dies with it, its effect is in doubt, and the run's next life meets the
latch. Only a process that was started for this one run is ever killed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Event, Thread
from typing import Final

from midwatch.run import RunFacts
from tasks.permissions.latch import Latch

LOOK_SECONDS: Final = 1.0
GRACE_SECONDS: Final = 6.0
"""From a latch on disk to the end of the process; to end a shell command takes up to three."""
_OWN: Final = "PREFECT__FLOW_RUN_ID"


@contextmanager
def ended_if_deaf(
    facts: RunFacts,
    *,
    environ: Mapping[str, str] = os.environ,
    look_seconds: float = LOOK_SECONDS,
    grace_seconds: float = GRACE_SECONDS,
) -> Iterator[None]:
    """Around the work; nothing in a process that has others to work for."""
    if environ.get(_OWN) != facts.run_id:
        yield
        return
    over = Event()

    def watch() -> None:
        while not over.wait(look_seconds):
            if Latch(facts.home).on(facts.agent, facts.run_id) and not over.wait(grace_seconds):
                os.kill(os.getpid(), signal.SIGKILL)

    Thread(target=watch, name="halt", daemon=True).start()
    try:
        yield
    finally:
        over.set()
