"""Monitoring: does the database say so? One statement in a transaction that can only read and is rolled back."""

from __future__ import annotations

import asyncio
import os
import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import Any, Final

from sqlalchemy import URL, BindParameter, Connection, Row, String, TextClause, bindparam, create_engine, make_url, text
from sqlalchemy.exc import ArgumentError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from midwatch.contract import Finding, SqlCheck, SqlQuery
from midwatch.errors import SpecError
from midwatch.run import RunFacts
from midwatch.templates import fill
from tasks.monitoring.evidence import CannotLook, blind

TIMEOUT_SECONDS: Final = 30
STEPS_BETWEEN_LOOKS: Final = 10_000
"""SQLite's virtual machine instructions between two looks at the clock: about a millisecond."""

READING: Final = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
        sqlite3.SQLITE_TRANSACTION,
    }
)
"""What a statement may do in SQLite, by its action codes."""

_PLACE: Final = re.compile(r"\{\{|\}\}|\{[A-Za-z_][\w.:-]*\}")


async def look(
    check: SqlCheck,
    name: str,
    facts: RunFacts,
    *,
    environment: Mapping[str, str] = os.environ,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Finding:
    """The first value of the first row against what was expected."""
    try:
        row = await first_row(check, facts, environment=environment, timeout_seconds=timeout_seconds)
    except CannotLook as error:
        return blind(name, error)
    return _compare(check, name, row)


async def first_value(query: SqlQuery, facts: RunFacts, *, environment: Mapping[str, str] = os.environ) -> Any:
    """The first value of the first row.

    Raises:
        CannotLook: there is no row, or the query could not be asked.
    """
    row = await first_row(query, facts, environment=environment)
    if row is None:
        raise CannotLook("the query found no row")
    return row[0]


async def first_row(
    query: SqlQuery,
    facts: RunFacts,
    *,
    environment: Mapping[str, str] = os.environ,
    timeout_seconds: float = TIMEOUT_SECONDS,
) -> Row[Any] | None:
    """The first row, if there is one.

    Raises:
        CannotLook: no URL, no answer in time, or the database refused.
    """
    try:
        url = read_only(environment.get(query.url_env, ""), project=facts.project)
    except SpecError as error:
        raise CannotLook(f"${query.url_env} {error}") from None
    read = partial(_first_row, statement=bound(query.query, facts), seconds=timeout_seconds)
    try:
        async with asyncio.timeout(timeout_seconds + 1):
            return await (_in_sqlite(url, read) if url.get_backend_name() == "sqlite" else _in_postgres(url, read))
    except TimeoutError:
        raise CannotLook(f"no answer within {timeout_seconds:g} s") from None
    except Exception as error:  # asyncpg's own errors come unwrapped when it connects
        said = str(getattr(error, "orig", None) or error).replace(url.password or "\0", "***")
        raise CannotLook(f"the query failed: {said[:300]}") from None


def read_only(written: str, *, project: Path) -> URL:
    """The SQLAlchemy URL as it is connected to; a SQLite file is opened so that it cannot be written to or made.

    Raises:
        SpecError: no URL, or neither SQLite nor PostgreSQL. Never quotes the URL: it may hold a password.
    """
    if not written:
        raise SpecError("is not set; it holds the database's SQLAlchemy URL")
    try:
        url = make_url(written)
    except ArgumentError:
        raise SpecError("is not an SQLAlchemy URL (`sqlite:///data/x.db`, `postgresql://...`)") from None
    match url.get_backend_name():
        case "sqlite" if url.database and url.database != ":memory:":
            file = (project / url.database).resolve().as_uri()
            return URL.create("sqlite", database=file, query={"mode": "ro", "uri": "true"})
        case "postgresql":
            return url.set(drivername="postgresql+asyncpg")
        case _:
            raise SpecError("is neither a SQLite file nor PostgreSQL: other databases are not read")


Read = Callable[[Connection], Row[Any] | None]


async def _in_postgres(url: URL, read: Read) -> Row[Any] | None:
    engine = create_async_engine(url, poolclass=NullPool)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(read)
    finally:
        await engine.dispose()


async def _in_sqlite(url: URL, read: Read) -> Row[Any] | None:
    """In a thread, which nothing can cancel: SQLite looks at the clock itself."""

    def work() -> Row[Any] | None:
        with create_engine(url, poolclass=NullPool).connect() as connection:
            return read(connection)

    return await asyncio.to_thread(work)


def _only_reading(action: int, *_: object) -> int:
    """SQLite asks this of every part of a statement. ATTACH and VACUUM INTO make files even in a read-only database."""
    return sqlite3.SQLITE_OK if action in READING else sqlite3.SQLITE_DENY


def _first_row(connection: Connection, *, statement: TextClause, seconds: float) -> Row[Any] | None:
    """Leaving the connection rolls back."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.execute(text(f"SET LOCAL statement_timeout = {int(seconds * 1000)}"))
    else:
        deadline = time.monotonic() + seconds
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: time.monotonic() > deadline, STEPS_BETWEEN_LOOKS)
        connection.execute(text("PRAGMA query_only = ON"))
        driver.set_authorizer(_only_reading)
    result = connection.execute(statement)
    return result.first() if result.returns_rows else None


def bound(query: str, facts: RunFacts) -> TextClause:
    """The query with `{item}` and its like as bound parameters: a file's name can't become SQL."""
    values: list[BindParameter[str]] = []

    def parameter(place: re.Match[str]) -> str:
        if place[0] in ("{{", "}}"):
            return place[0][0]
        values.append(bindparam(f"place_{len(values)}", fill(place[0], facts), String))
        return f":{values[-1].key}"

    return text(_PLACE.sub(parameter, _escaped(query))).bindparams(*values)


def _escaped(query: str) -> str:
    """Its own colons (`'12:30'`, `::date`) are no parameters; those within a place stay."""
    return "".join(
        part if _PLACE.fullmatch(part) else part.replace(":", r"\:") for part in re.split(f"({_PLACE.pattern})", query)
    )


def _compare(check: SqlCheck, name: str, row: Row[Any] | None) -> Finding:
    if row is None:
        return Finding(check=name, held=False, detail=f"expected {_wanted(check)}, found no row")
    value = row[0]
    if check.equals is not None:
        held = value == check.equals
    else:
        held = isinstance(value, int | float | Decimal) and check.at_least is not None and value >= check.at_least
    found = repr(value) if isinstance(value, str) else str(value)
    return Finding(check=name, held=held, detail=f"expected {_wanted(check)}, found {found:.200}")


def _wanted(check: SqlCheck) -> str:
    return repr(check.equals) if check.equals is not None else f"at least {check.at_least}"
