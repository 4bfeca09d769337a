"""The command line: how far is it? Told on a terminal, once it has taken more than two seconds."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from rich.progress import Progress

from cli import terminal

PATIENCE: Final = 2.0
"""Seconds without a word."""
Seen = Callable[[int], None]
"""Hears how much more is done."""


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Seen]:
    """Where nobody sees the terminal, nothing is told."""
    began, done = time.monotonic(), 0
    console = terminal.console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task(what, total=total, visible=False)

        def seen(more: int) -> None:
            nonlocal done
            done += more
            shown.update(task, completed=done, visible=time.monotonic() - began > PATIENCE)

        yield seen
