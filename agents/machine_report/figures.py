"""Machine report: what was measured, and how grave is it at least? Values, thresholds, sentences.

The model reads the sentences and so needs no arithmetic. Nobody states a severity below the floor computed here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final, Literal, get_args

from pydantic import BaseModel, ConfigDict

Severity = Literal["ok", "warning", "critical", "unknown"]
"""`unknown`: this machine could not be asked."""
Area = Literal["disk", "memory", "load", "logs", "units", "temporary"]
AREAS: Final[tuple[Area, ...]] = get_args(Area)
Worst = Literal["nothing", "disk", "memory", "load", "logs", "units", "temporary"]
"""The area that matters most; `nothing` where all are ok or unknown."""
GIB: Final = 1024**3


class _Figures(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Volume(_Figures):
    path: str
    total: int
    free: int
    """Bytes that an ordinary user can still write."""
    percent: float


class Memory(_Figures):
    total: int
    """Bytes; the container's limit where there is one."""
    percent: float
    swap_percent: float


class Load(_Figures):
    five_minutes: float
    cores: int


class Log(_Figures):
    path: str
    size: int
    errors: int
    """Lines that report an error, in the last 256 KiB."""
    last_error: str


class Logs(_Figures):
    largest: tuple[Log, ...]
    recent: int
    """Log files changed within a day."""
    unreadable: int
    journal_errors: int | None = None
    """Errors in systemd's journal within a day, counted up to 200; None where there is no journal to read."""


class Units(_Figures):
    failed: tuple[str, ...]
    unavailable: str = ""
    """Why nobody could be asked; empty where systemd answered."""


class OldFile(_Figures):
    path: str
    size: int
    days: int


class Temporary(_Figures):
    folder: str
    proposed: tuple[OldFile, ...]
    """What may be deleted, the largest first; at most 20."""
    found: int
    size: int
    """Bytes of all that were found."""


class Survey(_Figures):
    taken_at: datetime
    host: str
    disk: tuple[Volume, ...]
    """The fullest first."""
    memory: Memory
    load: Load
    logs: Logs
    units: Units
    temporary: Temporary


def floors(survey: Survey) -> dict[Area, Severity]:
    """The least severity that each area deserves."""
    memory, load, logs = survey.memory, survey.load, survey.logs
    fullest = max((volume.percent for volume in survey.disk), default=0.0)
    largest_log = max((log.size for log in logs.largest), default=0)
    return {
        "disk": _graded(fullest, warning=85, critical=95),
        "memory": max(
            _graded(memory.percent, warning=85, critical=95), _graded(memory.swap_percent, warning=80), key=grade
        ),
        "load": _graded(load.five_minutes / load.cores, warning=1.5, critical=4),
        "logs": max(
            _graded(max((*(log.errors for log in logs.largest), logs.journal_errors or 0)), warning=20),
            _graded(largest_log / GIB, warning=1, critical=5),
            key=grade,
        ),
        "units": "unknown" if survey.units.unavailable else _graded(len(survey.units.failed), warning=1, critical=5),
        "temporary": _graded(survey.temporary.size / GIB, warning=1, critical=20),
    }


def grade(severity: Severity) -> int:
    """For sorting: the gravest is the highest."""
    return ("unknown", "ok", "warning", "critical").index(severity)


def _graded(value: float, *, warning: float, critical: float = float("inf")) -> Severity:
    return "critical" if value >= critical else "warning" if value >= warning else "ok"


def objection(area: Area, stated: Severity, floor: Severity) -> str:
    """Why `stated` does not fit `floor`; empty when it does. Judgment may add one step, never take one away."""
    if stated == floor or (grade(stated) == grade(floor) + 1 and floor != "unknown"):
        return ""
    return f"{area} is {floor} by its figures, not {stated}"


def worst_of(stated: Mapping[Area, Severity]) -> list[Worst]:
    """The areas that share the gravest severity."""
    gravest = max(stated.values(), key=grade)
    return [area for area in AREAS if stated[area] == gravest] if grade(gravest) > grade("ok") else ["nothing"]


def sentences(survey: Survey) -> dict[Area, str]:
    """One sentence of figures for each area, the same in the model's survey and in the report."""
    memory, load, logs, temporary = survey.memory, survey.load, survey.logs, survey.temporary
    errors = sum(log.errors for log in logs.largest)
    journal = "" if logs.journal_errors is None else f"; {logs.journal_errors} errors in the journal"
    largest = f", largest {logs.largest[0].path} {size_text(logs.largest[0].size)}" if logs.largest else ""
    failed = ", ".join(survey.units.failed[:5]) or "none"
    return {
        "disk": "; ".join(
            f"{one.path} {one.percent:.0f} % full, {size_text(one.free)} free of {size_text(one.total)}"
            for one in survey.disk
        ),
        "memory": f"{memory.percent:.0f} % of {size_text(memory.total)} used, swap {memory.swap_percent:.0f} % used",
        "load": f"{load.five_minutes:.2f} over five minutes on {load.cores} cores",
        "logs": f"{logs.recent} recent logs{largest}; {errors} error lines; {logs.unreadable} not readable{journal}",
        "units": survey.units.unavailable or f"{len(survey.units.failed)} failed: {failed}",
        "temporary": f"{temporary.found} old files of yours in {temporary.folder}, {size_text(temporary.size)}",
    }


def size_text(size: int) -> str:
    """`1.5 GiB`; three digits at most."""
    value = float(size)
    for unit in ("B", "KiB", "MiB"):
        if value < 1000:
            return f"{value:.0f} {unit}"
        value /= 1024
    return f"{value:.1f} GiB" if value < 100 else f"{value:.0f} GiB"


def survey_text(survey: Survey) -> str:
    """What the model reads: severity and figures of each area, the worst, and how many files wait to be deleted."""
    floor, said = floors(survey), sentences(survey)
    lines = [f"{area}: {floor[area]}. {said[area]}" for area in AREAS]
    worst = " or ".join(worst_of(floor))
    return "\n".join((*lines, f"worst: {worst}", f"old files to delete: {len(survey.temporary.proposed)}"))
