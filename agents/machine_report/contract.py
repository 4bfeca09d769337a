"""Machine report: is it done? The report is read back and its figures are held against the machine as it is now."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from agents.machine_report.figures import AREAS, Area, floors, objection, sentences, size_text
from agents.machine_report.kept import deletion_of, survey_of
from agents.machine_report.measure import memory, volumes
from agents.machine_report.report import Finding as Row
from agents.machine_report.report import read_back
from agents.machine_report.temporary import still_there
from agents.run_notes import notes_of
from midwatch.contract import Finding
from midwatch.run import RunFacts
from midwatch.templates import fill

_DISK: Final = re.compile(r"(?:^|; )([^;]+?) (\d+) % full, \S+ \S+ free of (\S+ \S+?)(?=;|$)")
_MEMORY: Final = re.compile(r"% of (\S+ \S+) used")
DISK_TOLERANCE: Final = (3.0, 15.0)
"""Percentage points within the first hour, and after: a run may have waited a night for its person."""


def report_is_true(facts: RunFacts) -> list[Finding]:
    """The report is complete, not below its floors, copies the survey, and the survey was of this machine."""
    path = report_path(facts)
    if not (notes_of(facts) / "survey.json").exists() or not path.is_file():
        return [Finding(check="the report is there", held=False, detail=f"no survey or no {path.name} of this run")]
    rows = read_back(path.read_text(encoding="utf-8"))
    missing = [area for area in AREAS if area not in rows]
    if missing:
        return [Finding(check="the report is complete", held=False, detail=f"without {', '.join(missing)}")]
    return [_graded_right(facts, rows), _copied_right(facts, rows), _disk_matches(facts, rows), _memory_matches(rows)]


def deleted_as_reported(facts: RunFacts) -> list[Finding]:
    """Every file that the run says it deleted is gone, and none was left that should have gone."""
    deletion = deletion_of(facts)
    if deletion is None:
        return [Finding(check="deletion", held=True, detail="nothing was deleted")]
    wrong = [*still_there(list(deletion.deleted)), *deletion.failed]
    detail = f"{len(deletion.deleted)} deleted, {len(deletion.kept)} in use again and kept"
    detail += "".join(f"; still there: {path}" for path in wrong)
    return [Finding(check="deletion", held=not wrong, detail=detail)]


def report_path(facts: RunFacts) -> Path:
    """As `write_report`'s `path` is bound in the agent file."""
    return facts.project / fill("reports/{date}.md", facts)


def _graded_right(facts: RunFacts, rows: dict[Area, Row]) -> Finding:
    wrong = [
        said
        for area, floor in floors(survey_of(facts)).items()
        if (said := objection(area, rows[area].severity, floor))
    ]
    return Finding(check="severities", held=not wrong, detail="; ".join(wrong) or "as the figures demand")


def _copied_right(facts: RunFacts, rows: dict[Area, Row]) -> Finding:
    wrong = [
        f"{area}: {rows[area].figures}"
        for area, said in sentences(survey_of(facts)).items()
        if rows[area].figures != said
    ]
    return Finding(check="figures copied", held=not wrong, detail="; ".join(wrong) or "all as measured")


def _disk_matches(facts: RunFacts, rows: dict[Area, Row]) -> Finding:
    now = {volume.path: volume for volume in volumes(facts.project)}
    hours = (datetime.now(UTC) - survey_of(facts).taken_at).total_seconds() / 3600
    tolerance = DISK_TOLERANCE[hours > 1]
    reported = _DISK.findall(rows["disk"].figures)
    wrong = [
        f"{path}: {percent} % of {total} reported, now "
        + (f"{now[path].percent:.0f} % of {size_text(now[path].total)}" if path in now else "gone")
        for path, percent, total in reported
        if path not in now or abs(now[path].percent - float(percent)) > tolerance or size_text(now[path].total) != total
    ]
    held = bool(reported) and not wrong
    return Finding(
        check="disk, measured again",
        held=held,
        detail="; ".join(wrong) or f"{rows['disk'].figures}; ± {tolerance:.0f} points",
    )


def _memory_matches(rows: dict[Area, Row]) -> Finding:
    """Only the size: use and load move by the second."""
    reported, now = _MEMORY.search(rows["memory"].figures), size_text(memory().total)
    said = reported[1] if reported else "nothing"
    return Finding(check="memory, measured again", held=said == now, detail=f"{said} reported, {now} now")
