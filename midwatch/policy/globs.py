"""Permissions: which paths does `data/**` mean? `*` within one name, `**` for any folders; nothing else is a wildcard.

What stands before the last wildcard is looked for once, at the first place where it fits, and never anew (`(?>...)`): that
finds every match, and no text takes longer than its length allows.
"""

from __future__ import annotations

import re
from typing import Final

from midwatch.characters import folded

BLANKS: Final = " .\u1680"
"""What a generous file system drops at the end of a name: dots, and the blanks that folding does not make one of."""

MAX_DEEP: Final = 3
"""`**` in one pattern: nobody can say what more would mean."""

_FOLDERS: Final = "(?:/[^/]+)*"


def compiled(pattern: str, root: str, *, fold: bool) -> re.Pattern[str]:
    """`pattern`, relative to `root` (absolute) unless it begins with `/`, for `fullmatch` on an absolute path.

    Raises:
        ValueError: says what is wrong with the pattern.
    """
    names = _names(pattern)
    whole = names if pattern.startswith("/") else [*_literal(root), *names]
    return re.compile(_runs([None if name == "**" else _name(name, fold=fold) for name in whole]), re.DOTALL)


def _runs(names: list[str | None]) -> str:
    """The compiled names, None for `**`."""
    runs = [""]
    for name in names:
        if name is None:
            runs.append("")
        else:
            runs[-1] += name
    first, *inner = runs
    if not inner:
        return first
    return first + "".join(f"(?>{_FOLDERS}?{run}(?=/|\\Z))" for run in inner[:-1] if run) + _FOLDERS + inner[-1]


def starred(pieces: list[str], sign: str, *, then_anything: bool = False) -> str:
    """`pieces` (compiled) with any number of `sign` between them; `then_anything`: any text may follow."""
    first, *inner = pieces
    if not inner:
        return first
    *early, last = inner
    return first + "".join(f"(?>{sign}*?{piece})" for piece in early) + f"{sign}*{'?' if then_anything else ''}{last}"


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
    pieces = [name[1:]] if name.startswith("\0") else name.split("*")
    if fold:
        pieces = [*(folded(piece) for piece in pieces[:-1]), folded(pieces[-1]).rstrip(BLANKS) or folded(pieces[-1])]
    return "/" + starred([re.escape(piece) for piece in pieces], "[^/]")
