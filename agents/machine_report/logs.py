"""Machine report: which logs grew in the last day, and do they report errors? Reads only the end of a file."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from agents.machine_report.figures import Log, Logs

DAY: Final = 86_400.0
_TAIL: Final = 256 * 1024
_MOST_ENTRIES: Final = 5_000
_LARGEST: Final = 5
_NOT_TEXT: Final = (
    ".gz",
    ".xz",
    ".zst",
    ".bz2",
    ".zip",
    ".journal",
    ".journal~",
    ".asl",
    ".tracev3",
    ".db",
    "wtmp",
    "btmp",
    "lastlog",
    "faillog",
)
_ERROR: Final = re.compile(
    rb"(?<![-\w./])(error|critical|fatal|panic|emergency|traceback|segfault|out of memory)(?![-\w./])", re.IGNORECASE
)
_SECRET: Final = re.compile(r"(?i)\b(pass\w*|token|secret|api[-_]?key|authorization|bearer)\b(\s*[=: ]\s*)\S+")


def recent_logs(folders: Iterable[Path], *, now: float) -> Logs:
    """The largest logs changed within a day, with their error lines."""
    found: dict[Path, int] = {}
    unreadable = 0
    for path in _files(folders):
        try:
            about = path.stat()
            if now - about.st_mtime > DAY or about.st_size == 0:
                continue
            if os.access(path, os.R_OK):
                found[path.resolve()] = about.st_size
            else:
                unreadable += 1
        except OSError:
            unreadable += 1
    largest = sorted(found, key=lambda path: (-found[path], str(path)))[:_LARGEST]
    return Logs(largest=tuple(_read(path, found[path]) for path in largest), recent=len(found), unreadable=unreadable)


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    seen = 0
    for folder in folders:
        for where, _, names in os.walk(folder):
            for name in sorted(names):
                seen += 1
                if seen > _MOST_ENTRIES:
                    return
                if not name.endswith(_NOT_TEXT) and not Path(where, name).is_symlink():
                    yield Path(where, name)


def _read(path: Path, size: int) -> Log:
    try:
        with path.open("rb") as file:
            file.seek(max(0, size - _TAIL))
            lines = file.read(_TAIL).splitlines()
    except OSError:
        lines = []
    errors = [line for line in lines if _ERROR.search(line)]
    return Log(
        path=_harmless(str(path).encode("utf-8", "replace")),
        size=size,
        errors=len(errors),
        last_error=_harmless(errors[-1]) if errors else "",
    )


def _harmless(line: bytes) -> str:
    """A log line holds what anybody wrote: cut short, printable, and without what looks like a secret."""
    text = "".join(char if char.isprintable() else " " for char in line.decode("utf-8", "replace"))
    return _SECRET.sub(r"\1\2…", text)[:120]
