from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import ModelRetry, RunContext
from pydantic_ai.models.test import TestModel
from pydantic_ai.usage import RunUsage

from agents.machine_report.contract import deleted_as_reported, report_is_true, report_path
from agents.machine_report.figures import AREAS, Severity, Survey, floors, worst_of
from agents.machine_report.kept import Deletion, deletion_of, keep_deletion, proposed_paths
from agents.machine_report.tools import delete_old_files, survey, write_report
from midwatch.contract import Finding
from midwatch.risk import facts_of
from midwatch.run import RunFacts


def context(facts: RunFacts) -> RunContext[RunFacts]:
    return RunContext(deps=facts, model=TestModel(), usage=RunUsage())


async def write(facts: RunFacts, surveyed: Survey, *, worst: str = "", **stated: Severity) -> str:
    severities: dict[str, Any] = {**dict(floors(surveyed).items()), **stated}
    path = str(report_path(facts).relative_to(facts.project))
    severities["worst"] = worst or worst_of({area: severities[area] for area in AREAS})[0]
    return await write_report(context(facts), **severities, path=path)


def missed(findings: list[Finding]) -> list[str]:
    return [finding.check for finding in findings if not finding.held]


def change(facts: RunFacts, old: str, new: str) -> None:
    text = report_path(facts).read_text()
    assert old in text
    report_path(facts).write_text(text.replace(old, new))


async def test_the_survey_names_every_area(facts: RunFacts, surveyed: Survey) -> None:
    text = await survey(context(facts))
    assert all(f"{area}: " in text for area in AREAS)
    assert text.endswith("old files to delete: 1")


async def test_a_true_report_holds(facts: RunFacts, surveyed: Survey) -> None:
    assert "call delete_old_files" in await write(facts, surveyed)
    assert missed(report_is_true(facts)) == []


async def test_a_severity_below_its_figures_is_not_written(facts: RunFacts, surveyed: Survey) -> None:
    with pytest.raises(ModelRetry, match="disk is ok by its figures, not unknown"):
        await write(facts, surveyed, disk="unknown")
    assert not report_path(facts).exists()


async def test_an_area_that_is_not_the_worst_is_not_written_as_such(facts: RunFacts, surveyed: Survey) -> None:
    with pytest.raises(ModelRetry, match="worst is load, not temporary"):
        await write(facts, surveyed, load="warning", worst="temporary")


def test_no_report_is_not_a_true_report(facts: RunFacts, surveyed: Survey) -> None:
    assert missed(report_is_true(facts)) == ["the report is there"]


@pytest.mark.parametrize(
    ("old", "new", "check"),
    [
        ("| load | ok |", "| load | critical |", "severities"),
        ("0.50 over five minutes", "0.10 over five minutes", "figures copied"),
        ("| units | ok |", "| units | fine |", "the report is complete"),
    ],
)
async def test_a_changed_report_does_not_hold(
    facts: RunFacts, surveyed: Survey, old: str, new: str, check: str
) -> None:
    await write(facts, surveyed)
    change(facts, old, new)
    assert check in missed(report_is_true(facts))


async def test_a_survey_of_another_machine_does_not_hold(facts: RunFacts, surveyed: Survey, calm: Survey) -> None:
    await write(facts, surveyed)
    change(facts, f"{surveyed.disk[0].percent:.0f} % full", f"{(surveyed.disk[0].percent + 30) % 100:.0f} % full")
    assert "disk, measured again" in missed(report_is_true(facts))


def deleting(facts: RunFacts) -> dict[str, Any]:
    return {"ctx": context(facts), "paths": proposed_paths(facts)}


async def test_a_file_that_is_in_use_again_is_rightly_kept(facts: RunFacts, surveyed: Survey) -> None:
    said = await delete_old_files(**deleting(facts))  # the file of this test was made a moment ago
    assert said == f"Deleted 0 of 1 files, 0 B. {proposed_paths(facts)[0]} has been used since. You are done."
    assert missed(deleted_as_reported(facts)) == []


async def test_a_path_that_the_survey_did_not_find_is_kept(facts: RunFacts, surveyed: Survey, tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("x")
    said = await delete_old_files(context(facts), paths=[str(precious)])
    assert "precious.txt was not found" in said
    assert precious.exists()


async def test_deleted_files_are_gone(facts: RunFacts, surveyed: Survey, monkeypatch: pytest.MonkeyPatch) -> None:
    later = time.time() + 9 * 86_400
    monkeypatch.setattr("agents.machine_report.tools.clock", lambda: later)
    assert await delete_old_files(**deleting(facts)) == "Deleted 1 of 1 files, 2 KiB. You are done."
    assert not os.path.exists(proposed_paths(facts)[0])
    assert missed(deleted_as_reported(facts)) == []


async def test_nothing_to_delete_is_said(facts: RunFacts) -> None:
    with pytest.raises(ModelRetry, match="no old files"):
        await delete_old_files(context(facts), paths=[])


def test_a_deleted_file_that_is_there_again_does_not_hold(facts: RunFacts, surveyed: Survey) -> None:
    keep_deletion(facts, Deletion(deleted=tuple(proposed_paths(facts)), kept={}, failed={}))
    assert missed(deleted_as_reported(facts)) == ["deletion"]


def test_a_file_that_could_not_be_deleted_does_not_hold(facts: RunFacts) -> None:
    keep_deletion(facts, Deletion(deleted=(), kept={}, failed={"/tmp/x": "could not be deleted: read-only"}))
    assert missed(deleted_as_reported(facts)) == ["deletion"]


def test_a_run_that_deleted_nothing_holds(facts: RunFacts) -> None:
    assert deletion_of(facts) is None
    assert missed(deleted_as_reported(facts)) == []


async def test_the_probe_sees_whether_the_files_are_gone(facts: RunFacts, surveyed: Survey) -> None:
    probe, paths = facts_of(delete_old_files).probe, proposed_paths(facts)
    assert probe is not None
    assert await probe(facts, {"paths": paths}) == "did_not_happen"
    assert await probe(facts, {"paths": [*paths, f"{paths[0]}.gone"]}) == "cannot_tell"
    Path(paths[0]).unlink()
    assert await probe(facts, {"paths": paths}) == "happened"
