"""Monitoring: are the files there that a pattern means, so many, and each as it should be?"""

from __future__ import annotations

import asyncio
from typing import Final

from midwatch.contract import FilesCheck, Finding
from midwatch.run import RunFacts
from tasks.monitoring.checks.file import wrong_in
from tasks.monitoring.checks.folder import Looking, filled, folder_of, named

SHOWN: Final = 3
"""Files whose faults are told in full."""


async def look(check: FilesCheck, name: str, facts: RunFacts, *, must_be_there: bool = False) -> Finding:
    """One finding: how many there are, and what is not as it should be.

    Raises:
        CannotLook: `must_be_there`, and the folder that it looks into is not.
    """
    return await asyncio.to_thread(_look, check, name, facts, must_be_there)


def _look(check: FilesCheck, name: str, facts: RunFacts, must_be_there: bool) -> Finding:
    looking = Looking(project=facts.project)
    if must_be_there:
        looking.must_be_there(folder_of(check.glob, facts))
    there = looking.matching(check.glob, facts, links=True)
    found = [path for path in there if not (facts.project / path).is_symlink()]
    faults = {path: list(wrong_in(check, facts.project / path, facts)) for path in found}
    wrong = [f"{path}: {'; '.join(said)}" for path, said in faults.items() if said]
    said = [*_count(check, len(found), len(there), filled(check.glob, facts)), *wrong[:SHOWN]]
    if len(wrong) > SHOWN:
        said.append(f"and {len(wrong) - SHOWN} more of {len(found)}")
    return Finding(check=name, held=not said, detail="; ".join(said) or _there(found))


def _count(check: FilesCheck, files: int, with_links: int, glob: str) -> list[str]:
    """What a link leads to is not looked at: it is not one of those that must be there, but of those that may not be."""
    if files < check.least:
        return [f"expected at least {check.least} files {glob}, found {files}"]
    if check.at_most is not None and with_links > check.at_most:
        links = f" and {with_links - files} links" if with_links > files else ""
        return [f"expected at most {check.at_most} files {glob}, found {files}{links}"]
    return []


def _there(found: list[str]) -> str:
    return named({f"{len(found)} files": found}) or "0 files"
