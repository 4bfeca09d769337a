"""A run in a temporary project, and the tools that an agent has in it."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.toolsets import CombinedToolset

from midwatch.run import RunFacts
from tasks.tools import build_toolsets
from tests.tasks.tools.agent_tools import Tools, spec_of


@pytest.fixture
def facts(tmp_path: Path) -> RunFacts:
    project = tmp_path / "project"
    project.mkdir()
    now = datetime.now(UTC)
    return RunFacts(run_id="run-1", agent="clerk", started_at=now, project=project, home=project / ".midwatch")


@pytest.fixture
def tools_of(facts: RunFacts) -> Callable[..., Tools]:
    """Builds the tools of an agent file's `tools`, with its other fields."""

    def build(*tools: Any, **rest: Any) -> Tools:
        return Tools(CombinedToolset(build_toolsets(spec_of(*tools, **rest), facts)), facts)

    return build
