"""Harness: what was a run asked for? The parameters of its flow; what it may do of it, others say."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from midwatch.run import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The same in each life of the run."""

    agent: str
    input: Mapping[str, Any] = field(default_factory=dict)
    level: Level | None = None
    """At most this one."""
    shadow: bool = False
    """A rehearsal: its effects are staged."""
    staged: str = ""
    """The rehearsal whose approved calls it executes, in the place of a model's; "" for none."""
