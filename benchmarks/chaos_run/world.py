"""Chaos: what has really happened? The world's own record, which no part of Midwatch writes or reads."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from benchmarks.chaos_run.boundary import Fuse, append
from midwatch.calls import canonical_json

Stage = Literal["began", "did", "threw"]
"""Half of it is there; all of it is; it was refused with an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One line of the record."""

    tool: str
    args_json: str
    """Canonical, as in the ledger."""
    stage: Stage
    key: str = ""
    """The idempotency key, of a tool that takes one."""

    @property
    def call(self) -> tuple[str, str]:
        """Tool and arguments."""
        return self.tool, self.args_json


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The world of one run."""

    record: Path

    def marks(self) -> list[Mark]:
        """Everything that has happened, in order."""
        if not self.record.exists():
            return []
        return [Mark(**json.loads(line)) for line in self.record.read_text().splitlines()]

    def saw(self, tool: str, args: Mapping[str, Any], *stages: Stage, key: str = "") -> bool:
        """Whether this call left one of these marks; with `key`, only under that key."""
        wanted = canonical_json(args)
        return any(
            (mark.tool, mark.args_json) == (tool, wanted) and mark.stage in stages and key in ("", mark.key)
            for mark in self.marks()
        )

    def mark(self, tool: str, args: Mapping[str, Any], stage: Stage, key: str = "") -> None:
        """Let something happen."""
        append(
            self.record,
            json.dumps(asdict(Mark(tool=tool, args_json=canonical_json(args), stage=stage, key=key))),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """What the tools of this process act in."""

    world: World
    fuse: Fuse


_living: list[Life] = []


def begin(life: Life) -> None:
    """From here on this process lives `life`; it lives no other."""
    _living[:] = [life]


def living() -> Life:
    """The life of this process."""
    return _living[0]
