"""Machine report: what can the agent do? Survey, write the report, delete the old files that were found."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from pydantic_ai import ModelRetry, RunContext

from agents.machine_report.figures import Area, Severity, Worst, floors, objection, size_text, survey_text, worst_of
from agents.machine_report.kept import Deletion, deletion_of, keep_deletion, survey_of
from agents.machine_report.report import render
from agents.machine_report.temporary import delete, still_there
from agents.run_notes import write_whole
from midwatch.risk import ProbeAnswer, tool
from midwatch.run import RunFacts

clock: Final = time.time
"""Seconds since 1970."""


@tool(risk="read", untrusted=True)
async def survey(ctx: RunContext[RunFacts]) -> str:
    """Measure the machine: disk, memory, load, logs, failed units, old temporary files.

    Args:
        ctx: The run.
    """
    return survey_text(await asyncio.to_thread(survey_of, ctx.deps))


@tool(risk="note", idempotent=True)
async def write_report(
    ctx: RunContext[RunFacts],
    disk: Severity,
    memory: Severity,
    load: Severity,
    logs: Severity,
    units: Severity,
    temporary: Severity,
    worst: Worst,
    path: str,
) -> str:
    """Write the report. The figures are copied into it by code.

    Args:
        ctx: The run.
        disk: Severity of the disk.
        memory: Severity of the memory.
        load: Severity of the load.
        logs: Severity of the logs.
        units: Severity of the failed units.
        temporary: Severity of the old temporary files.
        worst: The area that matters most tonight.
        path: The report's file; filled in by code.
    """
    found = survey_of(ctx.deps)
    stated: dict[Area, Severity] = {
        "disk": disk, "memory": memory, "load": load, "logs": logs, "units": units, "temporary": temporary,
    }  # fmt: skip
    wrong = [said for area, floor in floors(found).items() if (said := objection(area, stated[area], floor))]
    if not wrong and worst not in (candidates := worst_of(stated)):
        wrong = [f"worst is {' or '.join(candidates)}, not {worst}"]
    if wrong:
        raise ModelRetry(f"Not written: {'; '.join(wrong)}. Call write_report again with these corrected.")
    write_whole(ctx.deps.project / path, render(found, stated, worst=worst))
    waiting = len(found.temporary.proposed)
    return "Report written. " + (
        f"{waiting} old files: call delete_old_files." if waiting else "Nothing to delete: you are done."
    )


async def _were_deleted(facts: RunFacts, args: Mapping[str, Any]) -> ProbeAnswer:
    """After a crash: are the files gone? Some of them: nobody can tell whether it would have gone on."""
    paths = list(args["paths"])
    left = still_there(paths)
    if deletion_of(facts) is not None or not left:
        return "happened"
    return "did_not_happen" if left == paths else "cannot_tell"


@tool(risk="destroy", idempotent=True, probe=_were_deleted)
async def delete_old_files(ctx: RunContext[RunFacts], paths: list[str]) -> str:
    """Delete the old temporary files that the survey found. A person is asked first.

    Args:
        ctx: The run.
        paths: The files; filled in by code.
    """
    if not paths:
        raise ModelRetry("There are no old files. You are done.")
    temporary = survey_of(ctx.deps).temporary
    sizes = {file.path: file.size for file in temporary.proposed}
    kept: dict[str, str] = {}
    failed: dict[str, str] = {}
    for path in paths:
        try:
            # An edited request may name fewer files than were found, never others.
            why = delete(Path(path), folder=Path(temporary.folder), now=clock()) if path in sizes else "was not found"
        except OSError as error:
            failed[path] = f"could not be deleted: {error.strerror}"
        else:
            kept |= {path: why} if why else {}
    gone = tuple(path for path in paths if path not in kept and path not in failed)
    keep_deletion(ctx.deps, Deletion(deleted=gone, kept=kept, failed=failed))
    freed = size_text(sum(sizes[path] for path in gone))
    left = "".join(f" {path} {why}." for path, why in {**kept, **failed}.items())
    return f"Deleted {len(gone)} of {len(paths)} files, {freed}.{left} You are done."
