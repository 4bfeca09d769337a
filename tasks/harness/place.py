"""Harness: where does this run find its project, its state and its ledger? Read from the environment once, at the edge."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    project: Path
    """The folder of prefect.yaml and agents/."""
    home: Path
    """All state of the installation."""

    @property
    def locks(self) -> Path:
        return self.home / "locks"

    @property
    def agents(self) -> Path:
        return self.project / "agents"


def place(environ: Mapping[str, str] = os.environ) -> Place:
    """MIDWATCH_PROJECT and MIDWATCH_HOME; without them the working directory, which a deployment sets to its project."""
    project = Path(environ.get("MIDWATCH_PROJECT") or Path.cwd()).resolve()
    home = Path(environ.get("MIDWATCH_HOME") or project / ".midwatch").resolve()
    return Place(project=project, home=home)
