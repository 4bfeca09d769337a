"""Permissions: does a text hold SQL of the kind that a rule speaks of? `{sql: read_only, dialect: postgres, tables: [orders]}`.

For an allow rule the text must be one query that only reads, from the named tables alone (`reads.py`). For ask and deny
rules a statement that writes is found wherever it can be recognised (`writes.py`), and a table wherever its name stands.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from midwatch.characters import folded
from midwatch.policy.sql.lexis import DIALECTS, Dialect
from midwatch.policy.sql.writes import code_of, lexes, writes
from midwatch.spec_faults import nearest

SQL_WORDS: Final = frozenset({"sql", "dialect", "tables"})
"""The words of this condition; `sql` is the one that must be there."""
_TABLE: Final = re.compile(r"[^\W\d][\w$-]*(?:\.[^\W\d][\w$-]*){0,2}")


def read_sql(name: str, said: Mapping[str, Any]) -> Callable[[Any, bool], bool]:
    """The test that `said`, the SQL words of the argument `name`, stands for.

    Raises:
        ValueError: what is wrong, and what to write.
    """
    dialect = _dialect(name, said.get("dialect"))
    tables = _names(name, said["tables"]) if "tables" in said else None
    match said.get("sql"):
        case "read_only":
            if dialect is None:
                raise ValueError(f"`{name}`: what only reads depends on the `dialect`: one of {', '.join(DIALECTS)}")
            return _reading(dialect, tables)
        case "write":
            return _writing(dialect, tables)
        case other:
            raise ValueError(f"`{name}.sql` is `read_only` or `write`, not {other!r}")


def _dialect(name: str, said: object) -> Dialect | None:
    if said is None:
        return None
    for dialect in DIALECTS:
        if said == dialect:
            return dialect
    raise ValueError(f"`{name}.dialect` is one of {', '.join(DIALECTS)}, not {said!r}{nearest(str(said), DIALECTS)}")


def _names(name: str, said: object) -> tuple[str, ...]:
    named = tuple(said) if isinstance(said, list) else (said,)
    if not named or not all(isinstance(each, str) and _TABLE.fullmatch(each) for each in named):
        raise ValueError(f"`{name}.tables` is a list of names like `orders` or `sales.orders`, not {said!r}")
    return named


def _reading(dialect: Dialect, tables: tuple[str, ...] | None) -> Callable[[Any, bool], bool]:
    # Here, as sqlglot takes 0.4 s to import and most agents have no rule for SQL.
    from midwatch.policy.sql.reads import read_query
    from midwatch.policy.sql.tables import folded_name

    named = frozenset(tuple(folded_name(part, dialect, quoted=False) for part in t.split(".")) for t in tables or ())

    def test(value: Any, exact: bool) -> bool:
        if not exact:
            return any(_names_one(each, dialect, tables) for each in _elements(value))
        query = read_query(value, dialect) if isinstance(value, str) else None
        return query is not None and not query.fault and (tables is None or query.tables <= named)

    return test


def _writing(dialect: Dialect | None, tables: tuple[str, ...] | None) -> Callable[[Any, bool], bool]:
    """An allow rule never holds: what a statement that writes does is for a person to say."""

    def test(value: Any, exact: bool) -> bool:
        return not exact and any(
            not isinstance(each, str) or (writes(each, dialect) and _names_one(each, dialect, tables))
            for each in _elements(value)
        )

    return test


def _names_one(value: object, dialect: Dialect | None, tables: tuple[str, ...] | None) -> bool:
    """Does one of the tables stand anywhere in the code, or in what is quoted there?"""
    if tables is None or not isinstance(value, str):
        return True
    wanted = {folded(table.rpartition(".")[2]) for table in tables}
    words = {
        word
        for lexis in lexes(dialect)
        for piece in code_of(value, lexis)
        for word in re.split(r"[^\w$-]+", folded(piece.text))
    }
    return not wanted.isdisjoint(words)


def _elements(value: Any) -> Iterable[Any]:
    match value:
        case Mapping():
            return [inner for each in value.values() for inner in _elements(each)]
        case list() | tuple():
            return [inner for each in value for inner in _elements(each)]
        case _:
            return [value]
