"""Monitoring: is everything else as it was? A snapshot of a folder when the run began, against the folder now."""

from __future__ import annotations

import asyncio
import os
import stat
from typing import Any, Final

from midwatch.contract import Finding, UnchangedCheck
from midwatch.run import RunFacts
from tasks.monitoring.checks.folder import Looking, filled, named, relative_pattern

SMALL: Final = 1024 * 1024
"""Bytes. A file that is not larger is compared by its content; a larger one by size, times, inode and mode."""
Snapshot = dict[str, list[Any]]
"""By path: mode, size, mtime_ns, ctime_ns, inode, SHA-256 of the content or of where a link leads, or None."""


async def before(check: UnchangedCheck, facts: RunFacts) -> Snapshot:
    """The folder as it is now. Raises CannotLook where it is not there: then nothing of it is watched."""
    Looking(project=facts.project).must_be_there(filled(check.within, facts))
    return await asyncio.to_thread(snapshot, check, facts)


async def look(check: UnchangedCheck, name: str, facts: RunFacts, was: Snapshot) -> Finding:
    """One finding that names what is new, gone or changed."""
    now = await asyncio.to_thread(snapshot, check, facts)
    wrong = named(
        {
            "new": sorted(now.keys() - was.keys()),
            "gone": sorted(was.keys() - now.keys()),
            "changed": sorted(path for path in was.keys() & now.keys() if not _same(was[path], now[path])),
        }
    )
    said = wrong or "all as they were when the run began"
    return Finding(check=name, held=not wrong, detail=f"{len(was)} files in {filled(check.within, facts)}; {said}")


def snapshot(check: UnchangedCheck, facts: RunFacts) -> Snapshot:
    """Every file of the folder, apart from what is named; Midwatch's own home is none of the agent's."""
    apart = [(relative_pattern(text, facts), text.endswith("**")) for text in check.apart_from]
    home = os.path.relpath(facts.home.resolve(), facts.project.resolve())
    looking = Looking(project=facts.project)

    def skip(path: str, is_folder: bool) -> bool:
        # Python writes into these two whenever it likes; no rule lets a tool (`midwatch/policy/protected.py`)
        if path in (home, ".venv") or (is_folder and path.rpartition("/")[2] == "__pycache__"):
            return True
        return any(meant.fullmatch(f"/{path}") for meant, all_of_it in apart if all_of_it or not is_folder)

    found = looking.files(filled(check.within, facts), skip=skip)
    return {path: _state(looking, path, entry) for path, entry in found}


def _state(looking: Looking, path: str, entry: os.DirEntry[str]) -> list[Any]:
    status = entry.stat(follow_symlinks=False)
    facts = [status.st_mode, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]
    return [*facts, _content(looking, path, entry, status)]


def _content(looking: Looking, path: str, entry: os.DirEntry[str], status: os.stat_result) -> str | None:
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(entry.path)
    if not stat.S_ISREG(status.st_mode) or status.st_size > SMALL or not os.access(entry.path, os.R_OK):
        return None
    return looking.digest(path)


def _same(was: list[Any], now: list[Any]) -> bool:
    """Content, where both were read; else everything that the file system says of it. What it may be used for, always."""
    if was[0] != now[0]:
        return False
    return was[-1] == now[-1] if was[-1] is not None and now[-1] is not None else was == now
