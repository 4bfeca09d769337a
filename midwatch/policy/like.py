"""Permissions: which texts does `like: acme/*` mean? `*` is any text between two slashes, and nothing else is a wildcard."""

from __future__ import annotations

import re
from dataclasses import dataclass

from midwatch.characters import folded, is_ignorable
from midwatch.policy.paths import path_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Like:
    """One text with stars, in the form for covering and in the form for catching."""

    exact: re.Pattern[str]
    loose: re.Pattern[str]

    def covers(self, value: object) -> bool:
        return isinstance(value, str) and not _could_climb(value) and self.exact.fullmatch(value) is not None

    def catches(self, value: object) -> bool:
        return not isinstance(value, str) or self.loose.fullmatch(folded(value).strip()) is not None


def like(said: str) -> Like:
    """Raises ValueError with what is wrong with `said`."""
    if said.startswith("/"):
        raise ValueError(f"{said!r} is a path, and links lead anywhere: write `{{under: {said.partition('*')[0]}}}`")
    if "*" not in said or "**" in said:
        raise ValueError(f"`like: {said}`: `*` stands for any text between slashes, and `**` for nothing here")
    pieces = said.split("*")
    return Like(
        exact=re.compile(_starred(pieces, "[^/?#%]"), re.DOTALL),
        loose=re.compile(_starred([folded(piece) for piece in pieces], "."), re.DOTALL),
    )


def _starred(pieces: list[str], sign: str) -> str:
    """A pattern in which each `*` stands for any number of `sign`. It never goes back, so a long text costs no more."""
    first, *inner, last = map(re.escape, pieces)
    return first + "".join(f"(?>{sign}*?{piece})" for piece in inner) + f"{sign}*{last}"


def _could_climb(text: str) -> bool:
    """Another reader may see other parts in it: empty ones, `..`, blanks at its ends, what is not drawn."""
    climbs = not {"", ".", ".."}.isdisjoint(text.split("/")) or text != text.strip() or any(map(is_ignorable, text))
    return climbs or bool(path_fault(text))
