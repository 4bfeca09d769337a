"""Permissions: which paths does `data/**` mean? `*` within one name, `**` for any folders; nothing else is a wildcard."""

from __future__ import annotations

import re
from typing import Final

from midwatch.characters import folded

MAX_DEEP: Final = 3
"""`**` in one pattern: more would let a long path take long to compare."""


def compiled(pattern: str, root: str, *, fold: bool) -> re.Pattern[str]:
    """`pattern`, relative to `root` (absolute) unless it begins with `/`, for `fullmatch` on an absolute path.

    Raises:
        ValueError: says what is wrong with the pattern.
    """
    names = _names(pattern)
    whole = names if pattern.startswith("/") else [*_literal(root), *names]
    return re.compile("".join(_name(name, fold=fold) for name in whole), re.DOTALL)


def _names(pattern: str) -> list[str]:
    if not pattern or pattern != pattern.strip():
        raise ValueError("a path pattern is not empty and has no blanks at its ends")
    if wrong := [sign for sign in "?[]{}\\~$" if sign in pattern]:
        raise ValueError(
            f"{wrong[0]!r} has no meaning in a path pattern: write `*` (within one name) or `**` (any folders)"
        )
    names = [name for name in pattern.split("/") if name not in ("", ".")]
    if ".." in names:
        raise ValueError("a path pattern does not climb with `..`: give the tool another `root`")
    if any("**" in name and name != "**" for name in names):
        raise ValueError("`**` stands alone between slashes: `src/**/*.py`")
    if names.count("**") > MAX_DEEP:
        raise ValueError(f"at most {MAX_DEEP} times `**` in one pattern")
    return names


def _literal(root: str) -> list[str]:
    """The names of `root`, in which nothing is a wildcard: marked so by a leading NUL."""
    return [f"\0{name}" for name in root.split("/") if name]


def _name(name: str, *, fold: bool) -> str:
    if name == "**":
        return "(?:/[^/]+)*"
    pieces = [name[1:]] if name.startswith("\0") else name.split("*")
    if fold:
        pieces = [*(folded(piece) for piece in pieces[:-1]), folded(pieces[-1]).rstrip(" .") or folded(pieces[-1])]
    return "/" + "[^/]*".join(re.escape(piece) for piece in pieces)
