"""Monitoring: are the files there that a pattern means, so many, and each as it should be?"""

from __future__ import annotations

import asyncio
from typing import Final

from midwatch.contract import FilesCheck, Finding
from midwatch.run import RunFacts
from tasks.monitoring.checks.file import wrong_in
from tasks.monitoring.checks.folder import Looking, filled, named

SHOWN: Final = 3
"""Files whose faults are told in full."""


async def look(check: FilesCheck, name: str, facts: RunFacts) -> Finding:
    """One finding: how many there are, and what is not as it should be."""
    return await asyncio.to_thread(_look, check, name, facts)


def _look(check: FilesCheck, name: str, facts: RunFacts) -> Finding:
    found = Looking(project=facts.project).matching(check.glob, facts)
    faults = {path: list(wrong_in(check, facts.project / path, facts)) for path in found}
    wrong = [f"{path}: {'; '.join(said)}" for path, said in faults.items() if said]
    said = [*_count(check, len(found), filled(check.glob, facts)), *wrong[:SHOWN]]
    if len(wrong) > SHOWN:
        said.append(f"and {len(wrong) - SHOWN} more of {len(found)}")
    return Finding(check=name, held=not said, detail="; ".join(said) or _there(found))


def _count(check: FilesCheck, there: int, glob: str) -> list[str]:
    if there < check.least:
        return [f"expected at least {check.least} files {glob}, found {there}"]
    if check.at_most is not None and there > check.at_most:
        return [f"expected at most {check.at_most} files {glob}, found {there}"]
    return []


def _there(found: list[str]) -> str:
    return named({f"{len(found)} files": found}) or "0 files"
