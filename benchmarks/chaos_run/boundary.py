"""Chaos: where may this process die? It counts the boundaries that it crosses, and at the chosen one it is killed.

A boundary is a place where something that lasts may lie on one side: before a transaction of the ledger, after
each of its statements that writes, and after its commit; before and after a model request; before, in and after a tool's
work; around the contract's check, the report and the end. Between two neighbours nothing lasts, so a kill at each of them
is a kill everywhere.
"""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(kw_only=True)
class Fuse:
    """Of one life of a run."""

    trace: Path
    """One line for each boundary, in the order in which the run's lives crossed them."""
    at: int | str | None = None
    """The boundary at which this process is killed: its number, counted from 1, or its name; None: it is not."""
    crossed: int = 0

    def reached(self, where: str) -> None:
        """Say that the run is at `where`. Does not return at the chosen boundary."""
        self.crossed += 1
        append(self.trace, where)
        if self.at in (self.crossed, where):
            os.kill(os.getpid(), signal.SIGKILL)


def append(path: Path, line: str) -> None:
    """One line at the end of a file, in one system call: whole or not at all, whoever is killed."""
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{line}\n".encode())
    finally:
        os.close(file)
