"""Permissions: which tables does a query read? Every one in it that is not the name of a CTE in scope."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from sqlglot import exp

from midwatch.policy.sql.lexis import Dialect, vocabulary

Table = tuple[str, ...]
"""A table's name with what qualifies it, outermost first, each as the dialect folds it."""

_ENDLESS: Final = 63
"""Bytes; PostgreSQL cuts a longer name, so that it may be another one's."""
_FILES: Final = vocabulary("csv tsv txt json jsonl ndjson parquet xlsx gz zst db duckdb arrow avro shp")
_SELF: Final[frozenset[Dialect]] = frozenset({"sqlite", "tsql"})
"""Where a CTE names itself without RECURSIVE."""
_CATALOGUE: Final = vocabulary(
    """
    pg_attribute pg_class pg_constraint pg_database pg_description pg_enum pg_index pg_indexes pg_matviews pg_namespace
    pg_sequences pg_stat_user_indexes pg_stat_user_tables pg_stats pg_tables pg_type pg_views
    sqlite_master sqlite_schema sqlite_temp_master sqlite_temp_schema sqlite_sequence sqlite_stat1
    """
)
"""What a query may read of the database's own tables. Others hold passwords, files or other people's queries."""
_OWN_SCHEMAS: Final = frozenset({"mysql", "performance_schema", "sys", "pg_toast", "snowflake", "master", "msdb"})
_SQL_SERVER_OWN: Final = vocabulary("tables columns views schemas indexes objects types foreign_keys")


class UnknownTable(Exception):
    """What is read is no table that the dialect's rules can name; `str()` says why."""


def folded_name(name: str, dialect: Dialect, *, quoted: bool) -> str:
    """The name that the database looks for. Only ASCII letters fold: so do the databases, and the rest stays different."""
    match dialect:
        case "postgres" if not quoted:
            return _lower(name)
        case "snowflake" if not quoted:
            return name.upper() if name.isascii() else name
        case "sqlite" | "duckdb" | "tsql":
            return _lower(name)
        case _:
            return name


def _lower(name: str) -> str:
    return "".join(character.lower() if character.isascii() else character for character in name)


def base_tables(tree: exp.Expr, dialect: Dialect) -> frozenset[Table]:
    """Raises UnknownTable for a file, a stage, a variable, and for the tables that the database keeps for itself."""
    tables = frozenset(_tables(tree, frozenset(), dialect))
    for table in tables:
        if why := _closed(table, dialect):
            raise UnknownTable(f"`{'.'.join(table)}` is {why}")
    return tables


def _tables(node: exp.Expr, ctes: frozenset[str], dialect: Dialect) -> Iterator[Table]:
    with_ = node.args.get("with_")
    if isinstance(with_, exp.With):
        for cte in with_.expressions:
            own = {_cte_name(cte, dialect)}
            inner = ctes | own if with_.args.get("recursive") or dialect in _SELF else ctes
            yield from _tables(cte.this, inner, dialect)
            ctes |= own
    if isinstance(node, exp.Table):
        name = _table(node, dialect)
        if name and not (len(name) == 1 and name[0] in ctes):
            yield name
    for child in node.iter_expressions():
        if child is not with_:
            yield from _tables(child, ctes, dialect)


def _cte_name(cte: exp.Expr, dialect: Dialect) -> str:
    alias = cte.args["alias"].this
    return folded_name(alias.name, dialect, quoted=bool(alias.args.get("quoted")))


def _table(node: exp.Table, dialect: Dialect) -> Table:
    """Its name; () for a function that gives rows."""
    if isinstance(node.this, exp.Func) and not node.args.get("db"):
        return ()
    parts = [node.args.get("catalog"), node.args.get("db"), node.this]
    names = [part for part in parts if part is not None]
    if not all(isinstance(part, exp.Identifier) and part.name for part in names):
        raise UnknownTable("it reads from what is no table's name")
    return tuple(folded_name(part.name, dialect, quoted=bool(part.args.get("quoted"))) for part in names)


def _closed(table: Table, dialect: Dialect) -> str:
    *outer, name = (part.lower() for part in table)
    if dialect == "postgres" and any(len(part.encode()) > _ENDLESS for part in table):
        return "longer than the database takes"
    if dialect == "duckdb" and (re.search(r"[^\w ]", "".join(table)) or (outer and name in _FILES)):
        return "a file"
    if "*" in name or name.startswith(("@", "$")):
        return "more than one table"
    if dialect == "sqlite" and name in ("fsdir", "zipfile"):
        return "a way to files"
    if name.startswith(("pg_", "sqlite_", "pragma_")) and name not in _CATALOGUE:
        return "one of the database's own"
    if dialect == "tsql" and outer[-1:] == ["sys"] and name in _SQL_SERVER_OWN:
        return ""
    return "one of the database's own" if _OWN_SCHEMAS.intersection(outer) else ""
