"""The ledger: what changed, in which order? One row for every change, each holding the hash of the one before it.

Long texts (arguments, results, answers) stand here as their SHA-256 only: the tables hold the words, which can one day
be deleted without breaking the chain that proves what they were.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import Connection, insert, select

from midwatch.ledger.columns import storable, utc
from midwatch.ledger.tables import journal

GENESIS: Final = "0" * 64
"""`prev_hash` of the first row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """One row of the journal."""

    seq: int
    """1, 2, 3, ... without a gap."""
    at: str
    """ISO 8601, UTC, microseconds."""
    kind: str
    run_id: str | None
    body: str
    """Canonical JSON."""
    prev_hash: str
    hash: str

    def expected_hash(self) -> str:
        """What `hash` has to be for this content and this predecessor."""
        return link_hash(self.seq, self.at, self.kind, self.run_id, self.body, self.prev_hash)


def link_hash(seq: int, at: str, kind: str, run_id: str | None, body: str, prev_hash: str) -> str:
    """SHA-256 over the canonical JSON array of the fields, in this order."""
    return sha256(canonical([seq, at, kind, run_id, body, prev_hash]))


def canonical(value: object) -> str:
    """One text for one value: sorted keys, no spaces, ASCII, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, default=_plain)


def sha256(text: str) -> str:
    """Hex digest of `text` as the database holds it."""
    return hashlib.sha256(storable(text).encode()).hexdigest()


def moment(at: datetime) -> str:
    """A time as the journal writes it."""
    return utc(at).isoformat(timespec="microseconds")


class Chain:
    """The end of the journal, within one transaction that holds the ledger's write lock."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: tuple[int, str] | None = None
        self._rows: list[dict[str, Any]] = []

    def append(self, at: datetime, kind: str, run_id: str | None, body: dict[str, object]) -> None:
        """The next row; `write` puts it down."""
        seq, prev_hash = self._last or self._read()
        run_id = None if run_id is None else storable(run_id)
        fields: dict[str, Any] = {
            "seq": seq + 1,
            "at": moment(at),
            "kind": kind,
            "run_id": run_id,
            "body": canonical(body),
            "prev_hash": prev_hash,
        }
        fields["hash"] = link_hash(**fields)
        self._rows.append(fields)
        self._last = (seq + 1, fields["hash"])

    def write(self) -> None:
        """Put down what was appended, before the transaction ends."""
        if self._rows:
            self._connection.execute(_INSERT, self._rows)
            self._rows = []

    def _read(self) -> tuple[int, str]:
        last = self._connection.execute(_LAST).first()
        return (last.seq, last.hash) if last else (0, GENESIS)


_LAST: Final = select(journal.c.seq, journal.c.hash).order_by(journal.c.seq.desc()).limit(1)
_INSERT: Final = insert(journal)


def _plain(value: object) -> str:
    match value:
        case datetime():
            return moment(value)
        case Decimal():
            return format(value, "f")
        case _:
            raise TypeError(f"{value!r} has no JSON form; the ledger takes JSON values, times and decimals")
