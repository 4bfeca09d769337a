"""A run whose project is a temporary folder."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from midwatch.run import RunFacts


@pytest.fixture
def facts(tmp_path: Path) -> RunFacts:
    project = tmp_path / "project"
    project.mkdir()
    return RunFacts(
        run_id="4f1c",
        agent="tidy",
        started_at=datetime.now(UTC),
        project=project,
        home=tmp_path / "home",
        input={"day": "monday"},
        item="mail/a.eml",
    )
