"""Harness: the facts of one run that every layer may know. A value; nothing in it can be changed by the agent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

Level = Literal[1, 2, 3, 4, 5]
"""1 chatbot, 2 assistant (reads), 3 supervised (every effect asks), 4 auto (earned classes), 5 unattended."""

LEVELS: Final[tuple[Level, ...]] = (1, 2, 3, 4, 5)


def lowest(*levels: int) -> Level:
    """The lowest of some levels: a run's level is min(granted, ceiling, what was asked for)."""
    return LEVELS[min(levels) - 1]


Cause = Literal["person", "schedule", "event", "resume"]


def a_cause(cause: Cause) -> str:
    """In words: `a person`, `an event`."""
    return f"{'an' if cause == 'event' else 'a'} {cause}"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFacts:
    """Handed to tools (`ctx.deps`), contract checks and the gate."""

    run_id: str
    """Prefect's flow run id; also the ledger's."""
    agent: str
    started_at: datetime
    """Timezone-aware UTC; the first start, kept over crashes and suspensions."""
    level: Level = 3
    cause: Cause = "person"
    project: Path = field(default_factory=Path)
    """The folder of prefect.yaml; relative paths of an agent file are under it."""
    home: Path = field(default_factory=Path)
    """Midwatch's own state (MIDWATCH_HOME); agents never write here except through `notes`."""
    input: Mapping[str, Any] = field(default_factory=dict)
    """The run's typed input."""
    shadow: bool = False
    """A rehearsal: what is not a mere look is staged, and never executed."""
    item: str | None = None
    """With `for_each`: the one that this conversation is about (a path relative to the project)."""

    def idempotency_key(self, tool_call_id: str | None) -> str:
        """Stable over crashes, retries and resumes; different for every call of every run."""
        return f"{self.run_id}:{self.item or ''}:{tool_call_id}"
