"""Everything else is as it was: whatever is not, is named."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from midwatch.contract import Finding, UnchangedCheck
from midwatch.run import RunFacts
from tasks.monitoring.checks import unchanged
from tasks.monitoring.evidence import CannotLook


@pytest.fixture
def project(facts: RunFacts) -> Path:
    (facts.project / "reports").mkdir()
    (facts.project / "reports" / "old.md").write_text("old")
    (facts.project / "data").mkdir()
    (facts.project / "data" / "large").write_bytes(b"x" * (unchanged.SMALL + 1))
    (facts.project / "data" / "link").symlink_to("large")
    return facts.project


async def after(facts: RunFacts, happens: Callable[[Path], object], **check: Any) -> Finding:
    """What the check finds after `happens`; the snapshot has been through the ledger."""
    wanted = UnchangedCheck(**check)
    was = json.loads(json.dumps(await unchanged.before(wanted, facts)))
    happens(facts.project)
    return await unchanged.look(wanted, "elsewhere", facts, was)


def rewritten_at_the_same_time(project: Path) -> None:
    path = project / "data" / "large"
    times = path.stat()
    path.write_bytes(b"y" * times.st_size)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def relinked(project: Path) -> None:
    (project / "data" / "link").unlink()
    (project / "data" / "link").symlink_to("/etc/passwd")


CHANGES: list[tuple[Callable[[Path], object], str]] = [
    (lambda project: (project / "reports" / "old.md").write_text("new"), "changed: reports/old.md"),
    (lambda project: (project / "reports" / "old.md").unlink(), "gone: reports/old.md"),
    (lambda project: (project / "more").write_text(""), "new: more"),
    (lambda project: (project / "reports" / "old.md").chmod(0o777), "changed: reports/old.md"),
    (rewritten_at_the_same_time, "changed: data/large"),
    (relinked, "changed: data/link"),
    (lambda project: (project / "data" / "large").rename(project / "data" / "big"), "new: data/big; gone: data/large"),
]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(("happens", "said"), CHANGES)
async def test_what_changed_is_named(facts: RunFacts, happens: Callable[[Path], object], said: str) -> None:
    finding = await after(facts, happens)
    assert (finding.held, said in finding.detail) == (False, True), finding.detail


@pytest.mark.usefixtures("project")
async def test_nothing_changed_holds_and_says_how_much_was_looked_at(facts: RunFacts) -> None:
    finding = await after(facts, lambda project: os.utime(project / "reports" / "old.md"))
    assert (finding.held, finding.detail) == (True, "3 files in .; all as they were when the run began")


@pytest.mark.usefixtures("project")
async def test_what_is_named_may_change_and_no_more(facts: RunFacts) -> None:
    apart = {"apart_from": ["reports/{date}.md", "out/**", "data/*"]}
    today = facts.started_at.astimezone().date().isoformat()

    def works(project: Path) -> None:
        (project / "reports" / f"{today}.md").write_text("today")
        (project / "out" / "deep").mkdir(parents=True)
        (project / "out" / "deep" / "x").write_text("x")
        (project / "data" / "large").unlink()

    assert (await after(facts, works, **apart)).held

    def goes_too_far(project: Path) -> None:
        (project / "data" / "folder").mkdir()
        (project / "data" / "folder" / "x").write_text("x")

    assert (await after(facts, goes_too_far, **apart)).detail.endswith("new: data/folder/x")


@pytest.mark.usefixtures("project")
async def test_a_folder_that_is_not_there_is_not_watched_and_one_that_goes_is_told(facts: RunFacts) -> None:
    with pytest.raises(CannotLook, match="there is no folder not-there: make it"):
        await after(facts, lambda project: project, within="not-there")
    finding = await after(facts, lambda project: shutil.rmtree(project / "reports"), within="reports")
    assert (finding.held, finding.detail) == (False, "1 files in reports; gone: reports/old.md")


@pytest.mark.usefixtures("project")
async def test_only_what_no_tool_may_write_is_left_out(facts: RunFacts) -> None:
    def elsewhere(project: Path, folder: str) -> None:
        (project / folder).mkdir()
        (project / folder / "x").write_text("x")

    for own in (".venv", "data/__pycache__"):
        assert (await after(facts, partial(elsewhere, folder=own))).held
    assert (await after(facts, partial(elsewhere, folder="data/.venv"))).detail.endswith("new: data/.venv/x")
    assert not (await after(facts, lambda project: (project / "__pycache__").write_text("a file"))).held


@pytest.mark.usefixtures("project")
async def test_a_folder_alone_is_looked_at_where_it_is_named_and_home_never_is(facts: RunFacts) -> None:
    def elsewhere(project: Path) -> None:
        (project / "more").write_text("")

    assert (await after(facts, elsewhere, within="reports")).held
    inside = RunFacts(
        run_id="r", agent="a", started_at=facts.started_at, project=facts.project, home=facts.project / ".m"
    )

    def own(project: Path) -> None:
        (project / ".m").mkdir()
        (project / ".m" / "ledger.db").write_text("")

    assert (await after(inside, own)).held
