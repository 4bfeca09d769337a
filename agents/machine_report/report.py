"""Machine report: how does the report look, and what does a report on the disk say? Written and read back by code."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast, get_args

from agents.machine_report.figures import AREAS, Area, Severity, Survey, Worst, grade, sentences, size_text

_ROW = re.compile(r"^\| (\w+) \| (\w+) \| (.*) \|$", re.MULTILINE)


_FIRST_LOOK: Final[dict[Worst, str]] = {
    "nothing": "There is nothing to look at.",
    "disk": "Look first for the largest folders: `du -xh --max-depth=2 / | sort -h | tail`.",
    "memory": "Look first for the programs that hold the most memory: `top -o %MEM` (macOS: `top -o mem`).",
    "load": "Look first for the busiest programs: `top`.",
    "logs": "Look first at the last errors of the logs below.",
    "units": "Look first at what the failed units say: `systemctl status UNIT`.",
    "temporary": "Look first at the old temporary files below.",
}
"""By code: the default local model, asked for advice, gave the wrong area's, and once `rm -rf`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One row of a report."""

    severity: Severity
    figures: str


def render(survey: Survey, stated: Mapping[Area, Severity], *, worst: Worst) -> str:
    """The whole report: findings by severity, the gravest first, then what they rest on."""
    said = sentences(survey)
    order = sorted(AREAS, key=lambda area: -grade(stated[area]))
    headline = "nothing is wrong" if worst == "nothing" else f"{worst}, {stated[worst]}"
    rows = [f"| {area} | {stated[area]} | {said[area]} |" for area in order]
    return "\n".join(
        (
            f"# {_plain(survey.host)}: {headline}",
            "",
            "| area | severity | figures |",
            "|---|---|---|",
            *rows,
            "",
            _FIRST_LOOK[worst],
            "",
            *_details(survey),
            f"Measured at {survey.taken_at:%Y-%m-%d %H:%M:%S} UTC. Code wrote every figure; the model stated the severities,",
            "never below what the figures say.",
            "",
        )
    )


def read_back(text: str) -> dict[Area, Finding]:
    """The findings of a report; an area that is missing, there twice or without a known severity is left out."""
    rows = [row for row in _ROW.findall(text) if row[0] in AREAS and row[1] in get_args(Severity)]
    once = [row for row in rows if [other[0] for other in rows].count(row[0]) == 1]
    return {cast(Area, area): Finding(severity=cast(Severity, severity), figures=said) for area, severity, said in once}


def _details(survey: Survey) -> list[str]:
    logs = [
        f"- `{_code(log.path)}` {size_text(log.size)}, {log.errors} error lines"
        + (f"; the last: `{_code(log.last_error)}`" if log.last_error else "")
        for log in survey.logs.largest
    ]
    files = [f"- `{_code(file.path)}` {size_text(file.size)}, {file.days} days" for file in survey.temporary.proposed]
    return [
        *(["## Largest logs of the last day", "", *logs, ""] if logs else []),
        *(["## Old temporary files, proposed for deletion", "", *files, ""] if files else []),
    ]


def _plain(text: str) -> str:
    """One line of text that Markdown takes as text."""
    return re.sub(r"([\\`*_\[\]<>|#!])", r"\\\1", " ".join(text.split()))


def _code(text: str) -> str:
    return " ".join(text.replace("`", "'").split())
