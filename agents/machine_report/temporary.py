"""Machine report: which files in the temporary folder are old and nobody's, and how are exactly those deleted?

Only regular files of the user who runs this, in folders that are the user's too (so nobody can swap one for a link),
untouched for a week, not a lock, not open, not where a process works or where somebody keeps a checkout.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from agents.machine_report.figures import OldFile, Temporary

WEEK: Final = 7 * 86_400.0
MOST_PROPOSED: Final = 20
_MOST_ENTRIES: Final = 20_000
_LOCKS: Final = (".lock", ".lck", "-lock", ".pid", ".sock", ".socket")
_WORKPLACES: Final = frozenset({".git", ".hg", "pyvenv.cfg"})
"""A folder with one of these is somebody's work, however old."""


def old_files(folder: Path, *, now: float, excluded: Iterable[Path] = ()) -> Temporary:
    """Files that may be proposed for deletion; `excluded` folders are not entered."""
    root, outside = folder.resolve(), {path.resolve() for path in excluded}
    candidates = [(path, about) for path, about in _own_files(root, outside) if now - _last_touched(about) > WEEK]
    busy = _in_use() if candidates else set()
    found = [
        OldFile(path=str(path), size=about.st_size, days=int((now - _last_touched(about)) // 86_400))
        for path, about in candidates
        if not any(place == path or place.is_relative_to(_top(path, root)) for place in busy)
    ]
    found.sort(key=lambda file: (-file.size, file.path))
    return Temporary(
        folder=str(folder),
        proposed=tuple(found[:MOST_PROPOSED]),
        found=len(found),
        size=sum(file.size for file in found),
    )


def delete(path: Path, *, folder: Path, now: float) -> str:
    """Delete one proposed file if it is still what was proposed. Returns why it was kept; empty when it is gone.

    Raises:
        OSError: it should have gone and could not.
    """
    if path.parent.resolve() != path.parent or not path.is_relative_to(folder.resolve()):
        return f"is not in {folder}"
    if not os.path.lexists(path):
        return ""
    about = path.lstat()
    if not _is_ours(about) or not stat.S_ISREG(about.st_mode):
        return "is not a file of yours"
    if now - _last_touched(about) <= WEEK:
        return "has been used since"
    path.unlink(missing_ok=True)
    return ""


def still_there(paths: list[str]) -> list[str]:
    return [path for path in paths if os.path.lexists(path)]


def _own_files(root: Path, excluded: set[Path]) -> Iterator[tuple[Path, os.stat_result]]:
    """Regular files under `root`, through the user's folders on its file system; passes over what it cannot read."""
    left, seen = [root], 0
    device = root.stat().st_dev if root.exists() else 0
    while left and seen < _MOST_ENTRIES:
        for path, about in _entries(left.pop()):
            seen += 1
            if not _is_ours(about) or about.st_dev != device or path in excluded:
                continue
            if stat.S_ISDIR(about.st_mode):
                left.append(path)
            elif stat.S_ISREG(about.st_mode) and not path.name.endswith(_LOCKS):
                yield path, about


def _entries(folder: Path) -> list[tuple[Path, os.stat_result]]:
    """What is in `folder`, sorted; nothing where somebody works. What vanishes meanwhile is passed over."""
    found: list[tuple[Path, os.stat_result]] = []
    try:
        names = sorted(os.listdir(folder))
    except OSError:
        return []
    for name in names if not _WORKPLACES.intersection(names) else ():
        with suppress(OSError):
            found.append((folder / name, (folder / name).lstat()))
    return found


def _is_ours(about: os.stat_result) -> bool:
    return about.st_uid == os.getuid()


def _last_touched(about: os.stat_result) -> float:
    """The latest of change, read and arrival: a file unpacked today may carry an old date."""
    return max(about.st_mtime, about.st_atime, about.st_ctime)


def _top(path: Path, root: Path) -> Path:
    """The entry directly under `root` that holds `path`: in use as a whole or not at all."""
    return root / path.relative_to(root).parts[0]


def _in_use() -> set[Path]:
    """Where the user's processes work and what they hold open, as far as the system tells."""
    places: set[Path] = set()
    for process in psutil.process_iter():
        try:
            if process.uids().real == os.getuid():
                places.add(Path(process.cwd()))
                places.update(Path(file.path) for file in process.open_files())
        except (psutil.Error, OSError):
            continue
    return places
