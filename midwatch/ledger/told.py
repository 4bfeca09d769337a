"""The ledger: what does an entry of the journal say of a row?

An entry tells a column by its name, or by the SHA-256 of its text (`reason_sha256` of `reason`, `args_sha256` of `args_json`).
What it tells otherwise stands here. What an older entry does not tell, and nobody can say, is `UNTOLD`: counted, not compared.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from midwatch.ledger.columns import storable

Row = dict[str, Any]
"""By column, as JSON has it; a text of which only the hash is known is `{"sha256": ...}`."""
UNTOLD: Final = {"untold": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tells:
    """What one kind of entry says of a row, besides the columns that it names."""

    at: tuple[str, ...] = ()
    """Columns that hold the moment of the entry."""
    named: Mapping[str, str] = field(default_factory=dict)
    """By column, what the entry calls it."""
    besides: frozenset[str] = frozenset()
    """What it says that is about no column of the row, though it has the name of one."""
    run: str = "run_id"
    """The column that holds the run of the entry, where the table has it; "" where none does."""
    each: str = ""
    """Where it speaks of several rows: what it calls the list of their keys."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """By column, what it then holds unless the entry says otherwise."""
    also: Callable[[Row, Row], Row] = lambda _body, _row: {}
    """More columns, from what the entry says and what the row was."""

    def row(self, body: Row, at: str, run_id: str | None, before: Row, columns: Collection[str]) -> Row:
        """What the row is after the entry, as far as it is told."""
        own = {
            name: value for name, value in body.items() if name not in self.besides and name not in self.named.values()
        }
        told = {column: said for column in columns if (said := _told(column, own)) is not None}
        told |= {column: _plain(body[name]) for column, name in self.named.items() if name in body}
        told |= dict.fromkeys(self.at, at)
        told |= {self.run: run_id} if run_id is not None and self.run in columns else {}
        also = {column: said for column, said in self.also(body, before).items() if column in columns}
        return {
            **before,
            **self.fixed,
            **also,
            **{name: None if said is NOTHING else said for name, said in told.items()},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Witnessed:
    """One table that the journal bears out, row by row and column by column."""

    table: str
    key: tuple[str, ...]
    tells: Mapping[str, Tells]
    """By kind of entry; the first of a row makes it."""


NOTHING: Final = object()
"""An entry says that the column is empty."""


def _told(column: str, body: Row) -> Any:
    """None: not told."""
    if column in body:
        return NOTHING if body[column] is None else _plain(body[column])
    for name in (f"{column}_sha256", f"{column.removesuffix('_json')}_sha256"):
        if name in body:
            return NOTHING if body[name] is None else {"sha256": body[name]}
    return None


def _plain(said: Any) -> Any:
    return storable(said) if isinstance(said, str) else said
