"""Durable steps: which work does every system do, and what is seen of one life of it?

One step is one model request and its one tool call. The model answers at once, in the process itself, so that what is
measured is the loop and its durability. It knows where it stands from the last tool result alone.
"""

from __future__ import annotations

import asyncio
import os
import re
import resource
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

from benchmarks.durable.store import last_written, stored

Life = Literal["whole", "cut", "resumed"]
"""From start to end; killed with SIGKILL while the model thinks after step N; the process that carries that one on."""
QUIET_SECONDS: Final = 1.0
THINKING_SECONDS: Final = 120.0
"""A model to be cut off thinks until nothing was written for the first, at most for the second: a real one is slower than
this one, and whatever a system writes beside the work is written by then."""
PROMPT: Final = "Note every number from 1 on, one after the other."
INSTRUCTIONS: Final = "Call the tool once for each number. When all are noted, say so."
_NOTED: Final = re.compile(r"noted (\d+):")


def noted(n: int) -> str:
    """What the tool answers: about 100 bytes, different for every number."""
    return f"noted {n}: ".ljust(100, "x")


def call_id(n: int) -> str:
    """As long as a provider's, and the same in every system."""
    return f"call_{n:020d}"


@dataclass(kw_only=True)
class Work:
    """The scripted work of one process, and the clock beside it."""

    steps: int
    life: Life
    store: Path
    """Everything that the system keeps lies in here."""
    called_at: float = 0.0
    requests: list[float] = field(default_factory=list)
    """When the model was asked in this life."""
    first_number: int = 0
    """The step that this life's first request is about; 1 where nothing came before."""
    answered_at: float = 0.0
    processor: list[float] = field(default_factory=list)
    """Processor seconds of this process at every request; less noisy than the clock where others work as well."""
    peak_rss_mb: float = 0.0
    task_runs: int | None = None
    """Operations that Prefect's UI shows after the run; None for a system without it."""
    before: Mapping[str, int] = field(default_factory=dict)

    def called(self) -> None:
        """The system is ready; the next thing that happens is the call that starts, or resumes, the run."""
        self.before = stored(self.store)
        self.called_at = time.perf_counter()

    @property
    def name(self) -> str:
        """What a system that names its runs calls this one; a resumed run has the name of the one that was cut."""
        return "whole" if self.life == "whole" else "cut"

    async def asked(self, said_last: str) -> int | None:
        """The model is asked: the number to note next, or None when all are noted. A life to be cut ends here."""
        self.processor.append(time.process_time())
        self.requests.append(time.perf_counter())
        found = _NOTED.search(said_last)
        number = int(found[1]) + 1 if found else 1
        self.first_number = self.first_number or number
        if number <= self.steps:
            return number
        if self.life == "cut":
            await self._quiet()
            os.kill(os.getpid(), signal.SIGKILL)
        return None

    async def _quiet(self) -> None:
        deadline = time.monotonic() + THINKING_SECONDS
        while time.monotonic() < deadline and time.time() - last_written(self.store) < QUIET_SECONDS:  # noqa: ASYNC110
            await asyncio.sleep(0.1)

    def last_words(self) -> str:
        """The final text."""
        return f"{self.steps} numbers noted"

    def answered(self, answer: str) -> None:
        """The run is over. Raises RuntimeError when it did not end as scripted: then there is nothing to compare."""
        self.answered_at = time.perf_counter()
        self.peak_rss_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        if answer != self.last_words():
            raise RuntimeError(f"the run ended with {answer!r} instead of {self.last_words()!r}")

    def seen(self) -> dict[str, Any]:
        """The figures of this life, after its end."""
        after = stored(self.store)
        return {
            "start_ms": 1000 * (self.requests[0] - self.called_at),
            "steps_ms": 1000 * (self.requests[-1] - self.requests[0]),
            "end_ms": 1000 * (self.answered_at - self.requests[-1]),
            "processor_ms": 1000 * (self.processor[-1] - self.processor[0]),
            "requests": len(self.requests),
            "first_number": self.first_number,
            "peak_rss_mb": self.peak_rss_mb,
            "task_runs": self.task_runs,
            "bytes": {part: grown for part, size in after.items() if (grown := size - self.before.get(part, 0))},
        }
