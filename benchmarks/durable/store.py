"""Durable steps: how much does a system keep on disk? Allocated bytes by part, write-ahead logs folded in first."""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Final, Literal

Part = Literal["ledger", "results", "server", "database"]
"""Midwatch's ledger; Prefect's stored results; the Prefect server's database; whatever another system keeps."""
_HEADER: Final = b"SQLite format 3\0"
_BLOCK: Final = 512


def stored(folder: Path) -> dict[str, int]:
    """Bytes that the files of `folder` take on disk, by part; logs and lock files are left out."""
    sizes: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and _is_database(path):
            _fold_in(path)
    for path in folder.rglob("*"):
        if path.is_file() and (part := _part(path.relative_to(folder))) is not None:
            sizes[part] += path.stat().st_blocks * _BLOCK
    return dict(sizes)


def last_written(folder: Path) -> float:
    """When anything in `folder` was written last, in seconds since the epoch."""
    return max((path.stat().st_mtime for path in folder.rglob("*") if path.is_file()), default=0.0)


def _part(path: Path) -> Part | None:
    match path.parts:
        case ("logs" | "locks", *_):
            return None
        case (name,) if name.startswith("ledger.db"):
            return "ledger"
        case ("prefect", "storage", *_):
            return "results"
        case ("prefect", *_):
            return "server"
        case _:
            return "database"


def _is_database(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_HEADER)) == _HEADER


def _fold_in(database: Path) -> None:
    """A write-ahead log is a buffer of fixed size: counted as it stands, it would be most of what a short run stores."""
    connection = sqlite3.connect(database, timeout=30)
    try:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    finally:
        connection.close()
