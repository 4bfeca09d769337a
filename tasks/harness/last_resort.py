"""Harness: what if a run that is cut off goes on all the same? Its process is killed, and what it does with it.

A tool that blocks the whole event loop, or swallows its cancellation, keeps the watch from doing anything. Such a process is
killed by a thread beside it as a crash would kill it: what it has started dies with it, its effect is in doubt, and the
run's next life meets the latch. A plain function in a thread goes on when its run is cut off: its process is killed as soon
as the run has its outcome in the ledger, and not after Prefect was told, which may take minutes; the keeper tells it. Only a
process that was started for this one run is ever killed.
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
    if not _is_own(facts, environ):
        yield
        return
    over = Event()

    def watch() -> None:
        while not over.wait(look_seconds):
            if Latch(facts.home).on(facts.agent, facts.run_id) and not over.wait(grace_seconds):
                _die()

    Thread(target=watch, name="halt", daemon=True).start()
    try:
        yield
    finally:
        over.set()


def end_with_outcome(facts: RunFacts, *, environ: Mapping[str, str] = os.environ) -> None:
    """The run has its outcome, and a plain function of it still changes the world; nothing where others work here, too."""
    if _is_own(facts, environ):
        _die()


def _is_own(facts: RunFacts, environ: Mapping[str, str]) -> bool:
    return environ.get(_OWN) == facts.run_id


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
