"""A project with a mailbox, and a run that looks at it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic_ai import RunContext
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from agents.inbox_triage.sample import lay_out
from midwatch.run import RunFacts

REPOSITORY = Path(__file__).parents[3]
In = Callable[[str], RunContext[RunFacts]]


@pytest.fixture
def facts(tmp_path: Path) -> RunFacts:
    """A run on an inbox with the first six examples."""
    shutil.copytree(REPOSITORY / "examples" / "inbox", tmp_path / "examples" / "inbox")
    (tmp_path / "agents").mkdir()
    shutil.copy(REPOSITORY / "agents" / "inbox-triage.yaml", tmp_path / "agents")
    lay_out(tmp_path, at_most=6)
    home = tmp_path / ".midwatch"
    return RunFacts(run_id="run-1", agent="inbox-triage", started_at=datetime.now(UTC), project=tmp_path, home=home)


@pytest.fixture
def inside(facts: RunFacts) -> In:
    """The context of a tool call in the conversation about one message."""

    def context(item: str) -> RunContext[RunFacts]:
        return RunContext(deps=replace(facts, item=item), model=TestModel(), usage=RunUsage())

    return context
