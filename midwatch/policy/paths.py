"""Permissions: which file is meant, and does a path rule speak of it?

An allow rule is compared with the path as the kernel walks it. Ask and deny rules are compared with every way in which the
path could be read: as spelled, lexically cleaned and resolved, each folded (compatibility forms, case, what is not drawn,
blanks and dots at the end of a name).
"""

from __future__ import annotations

import os
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import unquote

from midwatch.calls import Call
from midwatch.characters import folded, is_control, is_encodable
from midwatch.policy.globs import BLANKS, compiled
from midwatch.policy.protected import Protected
from midwatch.policy.reading import COVERED, NOT_COVERED, Cover, PolicyContext, Reading, Refusal
from midwatch.policy.resolve import Unresolvable, is_kernels, resolve, resolve_parent

FILE_TOOLS: Final = frozenset({"read_file", "write_file", "delete_file", "list_dir"})
WRITING: Final = frozenset({"write_file", "delete_file"})
MAX_LENGTH: Final = 4096
"""The kernel's own limit for a path."""

_SCHEME: Final = re.compile(
    r"(?:[a-z][a-z0-9+.-]*:)+/|(?:about|blob|data|file|ftp|https?|jar|javascript|mailto|urn|vbscript|view-source):",
    re.IGNORECASE,
)
_GAINED: Final = "/.\0\\"


@dataclass(frozen=True, slots=True, kw_only=True)
class FilePattern:
    """One path pattern, in the form for covering and in the form for catching."""

    exact: re.Pattern[str]
    loose: re.Pattern[str]

    def covers(self, part: str) -> Cover:
        return COVERED if self.exact.fullmatch(part) else NOT_COVERED

    def catches(self, sight: str) -> bool:
        return self.loose.fullmatch(sight) is not None


def file_pattern(text: str, root: str) -> FilePattern:
    """Raises ValueError with what is wrong with `text`."""
    return FilePattern(exact=compiled(text, root, fold=False), loose=compiled(text, root, fold=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Files:
    """The family of one file tool."""

    root: str
    """Absolute and resolved; nothing outside it is reachable."""
    protected: Protected
    fills: bool = False
    """It takes a content beside the path."""

    def read(self, call: Call, _context: PolicyContext) -> Reading:
        path = call.args.get("path")
        fault = path_fault(path)
        if fault or not isinstance(path, str):
            return Reading(sights=self._spelled(path), refusal=Refusal(rule="builtin.path", why=fault))
        try:
            target = resolve(path, self.root)
            parts = (target, resolve_parent(path, self.root)) if call.tool == "delete_file" else (target,)
        except Unresolvable as error:
            why = f"{path!r} leads nowhere: {error}"
            return Reading(sights=self._spelled(path), refusal=Refusal(rule="builtin.path", why=why))
        sights = (*self._spelled(path), *(sight for part in parts for sight in _on_any_disk(folded_path(part))))
        refusal = self._outside(path, parts) or self._protected(path, sights, writes=call.tool in WRITING)
        return Reading(parts=parts, sights=sights, refusal=refusal, target=target)

    def _spelled(self, path: object) -> tuple[str, ...]:
        return spellings(path, self.root) if isinstance(path, str) and is_encodable(path) else ()

    def _outside(self, path: str, parts: tuple[str, ...]) -> Refusal | None:
        if all(is_within(part, self.root) for part in parts):
            return None
        return Refusal(rule="builtin.outside", why=f"{path!r} leads out of the folder that this tool lives in")

    def _protected(self, path: str, sights: tuple[str, ...], *, writes: bool) -> Refusal | None:
        for sight in sights:
            if why := self.protected.why(sight, writes=writes):
                return Refusal(rule="builtin.protected", why=f"{path!r} is {why}; no rule opens it")
        return None

    def pattern(self, text: str) -> FilePattern:
        return file_pattern(text, self.root)

    def example(self, text: str) -> dict[str, Any]:
        return {"path": text, "content": ""} if self.fills else {"path": text}

    def describe(self, part: str) -> str:
        return f"`{os.path.relpath(part, self.root)}`" if is_within(part, self.root) else f"`{part}`"


def path_fault(path: object) -> str:
    """Why `path` is never allowed, whatever it resolves to; "" when nothing is wrong with its spelling."""
    if not isinstance(path, str) or not path:
        return "`path` must be one non-empty text"
    if len(path) > MAX_LENGTH:
        return f"`path` is longer than {MAX_LENGTH} characters"
    if not is_encodable(path) or any(is_control(character) for character in path):
        return "`path` holds a control character or half of a surrogate pair"
    if "\\" in path:
        return f"{path!r} holds a backslash: write `/`"
    decoded = unquote(path, errors="replace")
    for reading in (folded(path).lstrip(), folded(decoded).lstrip()):
        if reading.startswith(("~", "$")):
            return f"{path!r} begins with {reading[0]!r}, which some programs expand: write the path itself"
        if _SCHEME.match(reading):
            return f"{path!r} is a URL, not a path"
        if is_kernels(reading):
            return f"{path!r} is the kernel's own, not a file"
    if _gains(path, unicodedata.normalize("NFKC", path)) or _gains(path, decoded) or _hides_dots(path):
        return f"{path!r} could be read as another path"
    return ""


def _gains(path: str, other: str) -> bool:
    """Who reads `path` as `other` sees a separator or a dot more than there is."""
    return any(other.count(sign) > path.count(sign) for sign in _GAINED)


def _hides_dots(path: str) -> bool:
    """A name passes for `.` or `..` where blanks or what is not drawn are dropped."""
    return any(name not in (".", "..") and folded(name).strip() in (".", "..") for name in path.split("/"))


def spellings(path: str, folder: str) -> tuple[str, ...]:
    """`path` as it is spelled and as it is lexically cleaned, absolute and folded; no disk is read."""
    spelled = path if path.startswith("/") else f"{folder}/{path}"
    folded_paths = (folded_path(spelled), folded_path(os.path.normpath(spelled)))
    return tuple({sight: None for known in folded_paths for sight in _on_any_disk(known)})


def sights_of(path: str, folder: str) -> tuple[str, ...]:
    """Every way in which a program that starts in `folder` may read `path`, absolute and folded."""
    try:
        return (*spellings(path, folder), *_on_any_disk(folded_path(resolve(path, folder))))
    except Unresolvable:
        return spellings(path, folder)


def folded_path(path: str) -> str:
    """`path` name by name as the most generous file system compares it; no empty names, no slash at the end."""
    names = [_folded_name(name) for name in path.split("/") if name]
    return "/" + "/".join(name for name in names if name)


def _on_any_disk(path: str) -> tuple[str, ...]:
    """`path` (folded), and what it names where files have streams (`.env::$data`) and short names (`git~1`)."""
    if ":" not in path and "git~1" not in path:
        return (path,)
    names = [name.partition(":")[0] or name for name in path.split("/")]
    return path, "/".join(".git" if name == "git~1" else name for name in names)


def _folded_name(name: str) -> str:
    plain = folded(name)
    return plain.rstrip(BLANKS) or plain


def is_within(path: str, folder: str) -> bool:
    """`path` is `folder` or under it; both absolute and resolved."""
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
