"""A file is read back from the disk, and only from under the project."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from midwatch.contract import FileCheck
from midwatch.run import RunFacts
from tasks.monitoring.checks import file


async def found(facts: RunFacts, **check: Any) -> tuple[bool, str]:
    finding = await file.look(FileCheck(**{"path": "report.md", **check}), "report", facts)
    assert finding.looked
    return finding.held, finding.detail


@pytest.fixture
def report(facts: RunFacts) -> RunFacts:
    (facts.project / "report.md").write_text("# Disk\n90 % full\n")
    return facts


async def test_a_file_that_is_as_it_should_be_holds_with_its_size(report: RunFacts) -> None:
    held, detail = await found(report, newer_than_start=True, contains=["# Disk", "90 %"], min_bytes=10)
    assert held
    assert detail.startswith("17 bytes, last changed ")


@pytest.mark.parametrize(
    ("check", "said"),
    [
        ({"path": "other.md"}, "there is no such file"),
        ({"exists": False}, "expected no such file, and it is there"),
        ({"contains": ["# Disk", "# Load"]}, "it does not contain '# Load'"),
        ({"min_bytes": 18}, "expected at least 18 bytes, found 17"),
        ({"min_bytes": 18, "contains": ["x"]}, "found 17; it does not contain 'x'"),
        ({"json_schema": {}}, "it is not JSON"),
        ({"path": "."}, "it is not an ordinary file"),
    ],
)
async def test_what_is_not_as_it_should_be_is_named_with_what_was_there(
    report: RunFacts, check: dict[str, Any], said: str
) -> None:
    held, detail = await found(report, **check)
    assert not held
    assert said in detail


async def test_a_file_from_before_the_run_is_not_its_work(report: RunFacts) -> None:
    before = report.started_at.timestamp() - 60
    os.utime(report.project / "report.md", (before, before))
    held, detail = await found(report, newer_than_start=True)
    assert not held
    assert "before the run began" in detail


async def test_a_time_to_come_makes_no_file_newer(report: RunFacts) -> None:
    os.utime(report.project / "report.md", (4e9, 4e9))
    assert (await found(report, newer_than_start=True))[0]
    later = replace(report, started_at=report.started_at + timedelta(minutes=1))
    held, detail = await found(later, newer_than_start=True)
    assert (held, "before the run began" in detail, "2096" in detail) == (False, True, False)


async def test_a_missing_file_can_be_what_is_wanted(facts: RunFacts) -> None:
    assert (await found(facts, exists=False))[0]


async def test_places_in_the_path_are_filled_in(facts: RunFacts) -> None:
    (facts.project / "monday").mkdir()
    (facts.project / "monday" / f"{facts.started_at.astimezone():%Y-%m-%d}.md").touch()
    assert (await found(facts, path="{input.day}/{date}.md"))[0]


async def test_json_is_validated_against_its_schema(facts: RunFacts) -> None:
    schema = {"type": "object", "properties": {"free": {"type": "number"}}}
    (facts.project / "report.md").write_text(json.dumps({"free": 4}))
    assert (await found(facts, json_schema=schema))[0]
    (facts.project / "report.md").write_text(json.dumps({"free": "4"}))
    assert await found(facts, json_schema=schema) == (False, "$.free: '4' is not of type 'number'")


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "link"])
async def test_nothing_outside_the_project_is_looked_at(facts: RunFacts, path: str) -> None:
    secret = facts.project.parent / "secret"
    secret.write_text("x")
    (facts.project / "link").symlink_to(secret)
    held, detail = await found(facts, path=path)
    assert not held
    assert "outside the project" in detail


async def test_a_pipe_that_nobody_writes_to_does_not_hold_up_the_check(facts: RunFacts) -> None:
    os.mkfifo(facts.project / "report.md")
    assert await found(facts, contains=["x"]) == (False, "it is not an ordinary file")


async def test_what_is_too_large_to_be_read_does_not_hold(facts: RunFacts) -> None:
    with (facts.project / "report.md").open("wb") as sparse:
        sparse.truncate(file.MAX_BYTES + 1)
    assert (await found(facts))[0]
    held, detail = await found(facts, contains=["x"])
    assert not held
    assert "too many to read" in detail
