"""The ledger: where is kept what the journal says of each row, until the row is read? In a private database on the disk.

SQLite makes it with an empty name, unlinks it at once and drops it with its connection: however long the journal is, only the
pages at hand are in memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass
from types import TracebackType
from typing import Final, Self

_MEMORY: Final = 64 * 1024
"""KiB of it that may be in memory."""
_AT_ONCE: Final = 500
"""Keys in one question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Saying:
    """What one entry says of one row, not taken apart yet."""

    table: str
    key: str
    """Canonical JSON of the values of the key's columns."""
    seq: int
    kind: str
    at: str
    run_id: str | None
    body: str


class Sayings:
    """Laid in in the journal's order, taken out by row. To be used in one thread, and closed."""

    def __init__(self) -> None:
        self._kept = sqlite3.connect("", isolation_level=None)
        self._kept.execute("PRAGMA journal_mode=OFF")
        self._kept.execute("PRAGMA synchronous=OFF")
        self._kept.execute(f"PRAGMA cache_size=-{_MEMORY}")
        self._kept.execute(
            "CREATE TABLE said (tbl TEXT, key TEXT, seq INTEGER, kind TEXT, at TEXT, run_id TEXT, body TEXT, "
            "PRIMARY KEY (tbl, key, seq)) WITHOUT ROWID"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _: type[BaseException] | None, __: BaseException | None, ___: TracebackType | None) -> None:
        self._kept.close()

    def add(self, sayings: Iterable[Saying]) -> None:
        """A page of them."""
        self._kept.execute("BEGIN")
        self._kept.executemany("INSERT INTO said VALUES (?, ?, ?, ?, ?, ?, ?)", map(astuple, sayings))
        self._kept.execute("COMMIT")

    def take(self, table: str, keys: Sequence[str]) -> dict[str, list[Saying]]:
        """What is said of these rows, by key, in the journal's order; it is not there any more afterwards."""
        found: dict[str, list[Saying]] = {}
        for first in range(0, len(keys), _AT_ONCE):
            some = keys[first : first + _AT_ONCE]
            which = f"FROM said WHERE tbl = ? AND key IN ({', '.join('?' * len(some))})"
            for saying in map(_saying, self._kept.execute(f"SELECT * {which} ORDER BY key, seq", (table, *some))):
                found.setdefault(saying.key, []).append(saying)
            self._kept.execute(f"DELETE {which}", (table, *some))
        return found

    def left(self, table: str) -> Iterator[Saying]:
        """The first of what is said of each row that nobody has asked for, in the journal's order."""
        query = "SELECT tbl, key, min(seq), kind, at, run_id, body FROM said WHERE tbl = ? GROUP BY key ORDER BY 3"
        yield from map(_saying, self._kept.execute(query, (table,)))


def _saying(row: tuple[str, str, int, str, str, str | None, str]) -> Saying:
    table, key, seq, kind, at, run_id, body = row
    return Saying(table=table, key=key, seq=seq, kind=kind, at=at, run_id=run_id, body=body)
