"""Monitoring: which files are there? Under the project alone, links not followed, and never more than can be looked at."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from midwatch.errors import SpecError
from midwatch.policy.globs import compiled
from midwatch.run import RunFacts
from midwatch.templates import fill
from tasks.monitoring.evidence import CannotLook

MOST_ENTRIES: Final = 20_000
"""Files and folders that one check looks at."""
MOST_BYTES: Final = 256 * 1024 * 1024
"""That one check reads."""

Skip = Callable[[str, bool], bool]
"""(path relative to the project, whether it is a folder)"""


def relative_pattern(pattern: str, facts: RunFacts) -> re.Pattern[str]:
    """`pattern` with its places filled in, for `fullmatch` on `/` and a path relative to the project.

    Raises:
        SpecError: what was filled in would mean more than itself.
    """
    whole = filled(pattern, facts)
    try:
        return compiled(whole, "/", fold=False)
    except ValueError as error:
        raise SpecError(f"{whole!r} is no path pattern: {error}") from None


def filled(pattern: str, facts: RunFacts) -> str:
    """Its places filled in; what fills them may neither climb nor be a wildcard."""
    whole = fill(pattern, facts)
    if whole.count("*") != pattern.count("*") or whole.startswith("/"):
        raise SpecError(
            f"{whole!r}: what is filled into a path pattern is a plain name, without `*` and no path of its own"
        )
    return whole


def folder_of(pattern: str, facts: RunFacts) -> str:
    """The folder that a pattern looks into: what stands in front of its first wildcard, or of its last name."""
    names = _names(pattern, facts)
    plain = next((at for at, name in enumerate(names) if "*" in name), len(names) - 1)
    return "/".join(names[:plain]) or "."


def _names(pattern: str, facts: RunFacts) -> list[str]:
    return [name for name in filled(pattern, facts).split("/") if name not in ("", ".")]


@dataclass(slots=True, kw_only=True)
class Looking:
    """One look at the files of a project; what it may cost is bounded."""

    project: Path
    most_entries: int = MOST_ENTRIES
    most_bytes: int = MOST_BYTES
    entries: int = 0
    read: int = 0
    _seen: dict[str, str] = field(default_factory=dict)

    def matching(self, pattern: str, facts: RunFacts, *, links: bool = False) -> list[str]:
        """The ordinary files that `pattern` means, relative to the project, sorted; with `links`, those as well."""
        meant = relative_pattern(pattern, facts)
        names = _names(pattern, facts)
        below = self.files(folder_of(pattern, facts), deep=None if "**" in names else len(names))
        return sorted(
            path
            for path, entry in below
            if meant.fullmatch(f"/{path}") and (entry.is_file(follow_symlinks=False) or (links and entry.is_symlink()))
        )

    def must_be_there(self, folder: str) -> None:
        """Raises CannotLook where it is not: that nothing is in a folder, and that there is none, are two things."""
        if not (self.project / folder).is_dir():
            raise CannotLook(f"there is no folder {folder}: make it, or write the right one into the contract")

    def files(
        self, folder: str, *, deep: int | None = None, skip: Skip = lambda *_: False
    ) -> Iterator[tuple[str, os.DirEntry[str]]]:
        """Everything that is no folder, below `folder`, by its path relative to the project.

        Args:
            folder: relative to the project; one that is not there holds nothing.
            deep: names on the way from the project, at most.
            skip: is neither entered nor told of.
        """
        top = (self.project / folder).resolve()
        if not top.is_relative_to(self.project.resolve()):
            raise CannotLook(f"{folder!r} lies outside the project")
        with suppress(FileNotFoundError, NotADirectoryError):
            yield from self._below(str(top), top.relative_to(self.project.resolve()).as_posix(), deep, skip)

    def _below(self, folder: str, path: str, deep: int | None, skip: Skip) -> Iterator[tuple[str, os.DirEntry[str]]]:
        with os.scandir(folder) as found:
            entries = sorted(found, key=lambda entry: entry.name)
        self.entries += len(entries)
        if self.entries > self.most_entries:
            raise CannotLook(f"more than {self.most_entries:,} files and folders: name a smaller part")
        for entry in entries:
            inside = entry.name if path == "." else f"{path}/{entry.name}"
            is_folder = entry.is_dir(follow_symlinks=False)
            if skip(inside, is_folder):
                continue
            if not is_folder:
                yield inside, entry
            elif deep is None or inside.count("/") + 1 < deep:
                with suppress(FileNotFoundError):  # it has gone since its name was read
                    yield from self._below(entry.path, inside, deep, skip)

    def digest(self, path: str) -> str:
        """SHA-256 of a file's content, read once."""
        if path not in self._seen:
            self._seen[path] = self._digest(self.project / path)
        return self._seen[path]

    def _digest(self, path: Path) -> str:
        content = hashlib.sha256()
        with path.open("rb") as file:
            while chunk := file.read(1 << 20):
                self.read += len(chunk)
                if self.read > self.most_bytes:
                    raise CannotLook(f"more than {self.most_bytes:,} bytes to read: name a smaller part")
                content.update(chunk)
        return content.hexdigest()


def named(what: dict[str, list[str]], *, at_most: int = 5) -> str:
    """`lost: a, b; twice: c`, without what is empty."""
    return "; ".join(
        f"{word}: {', '.join(paths[:at_most])}" + (f" and {len(paths) - at_most} more" if len(paths) > at_most else "")
        for word, paths in what.items()
        if paths
    )
