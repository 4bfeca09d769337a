"""The ledger: what is not as its journal has it? One finding for a column, a row, or a level."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

MOST: Final = 1000
"""Findings that are kept; the others are counted."""

What = Literal["changed", "missing", "added", "unearned"]
"""A column is not what the journal says; a row is gone; nothing made the row; a level that no grant could give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is not as the journal has it."""

    what: What
    table: str
    key: Mapping[str, Any]
    column: str = ""
    stands: Any = None
    says: Any = None
    """The journal. A text of which it has only the hash: that."""
    seq: int | None = None
    """The entry that says so."""
    words: str = ""

    @property
    def where(self) -> str:
        """The row."""
        return f"{self.table} {', '.join(f'{name} {value}' for name, value in self.key.items())}"

    def __str__(self) -> str:
        match self.what:
            case "changed":
                said = f"{self.column} stands as {_said(self.stands)}; entry {self.seq} says {_said(self.says)}"
                return f"{self.where}: {said}"
            case "missing":
                return f"{self.where}: the row is gone; entry {self.seq} made it"
            case "added":
                return f"{self.where}: no entry of the journal made this row"
            case "unearned":
                return f"{self.words} (entry {self.seq})" if self.seq else self.words


@dataclass
class Findings:
    """What was found so far."""

    kept: list[Finding] = field(default_factory=list)
    times: int = 0

    def add(self, found: Finding) -> None:
        self.times += 1
        if len(self.kept) < MOST:
            self.kept.append(found)


def _said(value: Any) -> str:
    if isinstance(value, dict):
        return f"a text with SHA-256 {value['sha256'][:12]}…"
    shown = "nothing" if value is None else repr(value)
    return shown if len(shown) <= 120 else f"{shown[:120]}… ({len(shown)} characters)"
