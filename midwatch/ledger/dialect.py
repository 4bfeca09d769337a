"""The ledger: for whom is a statement compiled? Once for all SQLite connections of a process, whichever ledger they are of.

SQLAlchemy keeps a compiled statement for one dialect object, and every engine has one of its own; each ledger has two
engines. To compile a statement takes some twenty times as long as to run it, and most processes run few of them twice.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

DRIVER: Final = "sqlite+midwatch"
"""For a URL."""
COMPILED: Final = LRUCache[object, object](1000)
"""For `execution_options` of an engine; safe with threads."""


class Dialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's own, one as good as another: all engines of the ledger are set up alike."""

    supports_statement_cache = True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Dialect)

    def __hash__(self) -> int:
        return hash(Dialect)


registry.register(DRIVER.replace("+", "."), __name__, Dialect.__name__)
