"""A run of machine-report on this machine, with a temporary folder, logs and a survey of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from agents.machine_report.figures import Load, Log, Logs, Memory, OldFile, Survey, Temporary, Units, Volume
from agents.machine_report.measure import memory, volumes
from agents.run_notes import notes_of, write_whole
from midwatch.run import RunFacts

GIB = 1024**3


@pytest.fixture
def facts(tmp_path: Path) -> RunFacts:
    home = tmp_path / ".midwatch"
    return RunFacts(run_id="run-1", agent="machine-report", started_at=datetime.now(UTC), project=tmp_path, home=home)


@pytest.fixture
def calm() -> Survey:
    """A machine on which nothing is wrong."""
    return Survey(
        taken_at=datetime.now(UTC),
        host="lighthouse",
        disk=(Volume(path="/", total=100 * GIB, free=60 * GIB, percent=40.0),),
        memory=Memory(total=8 * GIB, percent=30.0, swap_percent=0.0),
        load=Load(five_minutes=0.5, cores=2),
        logs=Logs(
            largest=(Log(path="/var/log/a.log", size=2048, errors=1, last_error="error: x"),), recent=1, unreadable=0
        ),
        units=Units(failed=()),
        temporary=Temporary(folder="/tmp", proposed=(), found=0, size=0),
    )


@pytest.fixture
def surveyed(facts: RunFacts, calm: Survey, tmp_path: Path) -> Survey:
    """The survey that the run has taken: calm, with this machine's real disk and memory, and one old file."""
    old = tmp_path / "tmp" / "old.bin"
    old.parent.mkdir()
    old.write_bytes(b"x" * 2048)
    file = OldFile(path=str(old), size=2048, days=9)
    changes = {
        "disk": tuple(volumes(facts.project)),
        "memory": memory(),
        "temporary": Temporary(folder=str(old.parent), proposed=(file,), found=1, size=2048),
    }
    survey = calm.model_copy(update=changes)
    write_whole(notes_of(facts) / "survey.json", survey.model_dump_json())
    return survey
