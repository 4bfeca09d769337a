"""The ledger: how does a transaction reach SQLite or PostgreSQL, with no writer beside it, and what does it survive?

Work is a plain function over a SQLAlchemy `Connection`. PostgreSQL runs it on an async engine (asyncpg). SQLite has no
asynchronous I/O: there, a transaction that may have to wait (for the disk, for another writer) is as a whole one hop to
a thread of its own; aiosqlite would make four hops for every statement, which takes 2.5 times as long. One that need not
wait is run where it is called: it is over sooner than a thread wakes up.

Writers queue: `BEGIN IMMEDIATE` on SQLite, one advisory lock on PostgreSQL. What a transaction reads is then still true
when it commits, which is what the journal's chain needs.

Durability. A transaction that returned survives the death of the process, always. It survives a power loss too when it
was `durable` (on PostgreSQL: always); of the others the last ones may then be gone, and what is before them is whole.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol, TypeVar

from sqlalchemy import URL, Connection, Engine, QueuePool, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, InterfaceError, OperationalError, ProgrammingError, SQLAlchemyError
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_fixed

from midwatch.errors import LedgerAway, LedgerError
from midwatch.ledger.dialect import COMPILED, DRIVER

T = TypeVar("T")
Work = Callable[[Connection], T]

BUSY_SECONDS: Final = 30.0
"""How long a writer waits for the others, where the URL has no `?timeout=`; a transaction takes about a millisecond."""
_ADVISORY_LOCK: Final = text("SELECT pg_advisory_xact_lock(7236279402)")
_SHAPES: Final = "give sqlite+aiosqlite:///PATH or postgresql+asyncpg://USER@HOST/NAME (MIDWATCH_LEDGER_URL)"
_WAL: Final = "PRAGMA journal_mode=WAL"


class Database(Protocol):
    async def read(self, work: Work[T]) -> T:
        """Run `work` without keeping anybody from writing."""
        ...

    async def write(self, work: Work[T], *, durable: bool) -> T:
        """Run `work` in one transaction, with no other writer beside it; all of it is kept, or nothing."""
        ...

    async def close(self) -> None:
        """Let go of every connection."""
        ...


def connect(url: str) -> Database:
    """The database behind `url`: SQLite or PostgreSQL, with or without its async driver's name."""
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise LedgerError(f"the ledger's URL cannot be read; {_SHAPES}") from error
    match parsed.get_backend_name():
        case "sqlite":
            return Sqlite(parsed.set(drivername="sqlite"))
        case "postgresql" | "postgres":
            return Postgres(parsed.set(drivername="postgresql+asyncpg"))
        case other:
            raise LedgerError(f"a ledger cannot live in {other!r}; {_SHAPES}")


class Occupied(Exception):
    """Another writer is at it; nothing was done."""


class Sqlite:
    """Two connections: a patient one, in a thread, and one that never waits, for what can be done at once."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ledger")
        self._patient = self._engine(timeout=float(str(url.query.get("timeout", BUSY_SECONDS))), synchronous="FULL")
        self._prompt = self._engine(timeout=0.0, synchronous="NORMAL")

    async def read(self, work: Work[T]) -> T:
        def reading() -> T:
            with self._patient.connect() as connection:
                return work(connection)

        return await self._in_thread(reading)

    async def write(self, work: Work[T], *, durable: bool) -> T:
        if not durable:
            with suppress(Occupied), _told(self._url):
                return self._at_once(work)
        return await self._in_thread(lambda: _transaction(self._patient, work))

    async def close(self) -> None:
        self._prompt.dispose()
        await asyncio.get_running_loop().run_in_executor(self._thread, self._patient.dispose)
        self._thread.shutdown()

    def _at_once(self, work: Work[T]) -> T:
        """Raises Occupied where it would have to wait for another writer."""
        try:
            return _transaction(self._prompt, work)
        except (OperationalError, sqlite3.OperationalError) as error:
            if _is_busy(getattr(error, "orig", error)):
                raise Occupied from error
            raise

    async def _in_thread(self, work: Callable[[], T]) -> T:
        """A transaction that has begun ends in its thread, even when its caller is cancelled."""
        with _told(self._url):
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _engine(self, *, timeout: float, synchronous: str) -> Engine:
        engine = create_engine(
            self._url.set(drivername=DRIVER),
            poolclass=QueuePool,
            pool_size=1,
            max_overflow=0,
            connect_args={"isolation_level": None, "timeout": timeout},
            execution_options={"compiled_cache": COMPILED},
        )
        event.listen(engine, "do_connect", self._make_private)

        def prepare(connection: sqlite3.Connection, _: object) -> None:
            # SQLite does not wait for another process that turns a new file into WAL at the same moment.
            patient = Retrying(
                retry=retry_if_exception(_is_busy), stop=stop_after_delay(timeout), wait=wait_fixed(0.02), reraise=True
            )
            # To its end: a pragma whose answer nobody has fetched is at work, and the first COMMIT would be refused.
            patient(lambda: connection.execute(_WAL).fetchall())
            connection.execute("PRAGMA foreign_keys=ON")
            connection.execute(f"PRAGMA synchronous={synchronous}")

        event.listen(engine, "connect", prepare)
        return engine

    def _make_private(self, _dialect: object, _record: object, _args: object, _options: object) -> None:
        """A new ledger file is its owner's alone; SQLite gives its side files the same mode."""
        if self._url.database and self._url.database != ":memory:":
            path = Path(self._url.database)
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600, exist_ok=True)


def _is_busy(error: BaseException | None) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY


def _transaction(engine: Engine, work: Work[T]) -> T:
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        result = work(connection)
        connection.commit()
        return result


class Postgres:
    """A few connections on the running event loop."""

    def __init__(self, url: URL) -> None:
        # It brings the whole ORM with it, of which SQLite needs nothing.
        from sqlalchemy.ext.asyncio import create_async_engine

        self._url = url
        self._engine = create_async_engine(url, pool_size=2, pool_pre_ping=True, isolation_level="READ COMMITTED")

    async def read(self, work: Work[T]) -> T:
        with _told(self._url):
            async with self._engine.connect() as connection:
                return await connection.run_sync(work)

    async def write(self, work: Work[T], *, durable: bool) -> T:  # noqa: ARG002  # every commit is synchronous here
        with _told(self._url):
            async with self._engine.begin() as connection:
                await connection.execute(_ADVISORY_LOCK)
                return await connection.run_sync(work)

    async def close(self) -> None:
        await self._engine.dispose()


@contextmanager
def _told(url: URL) -> Iterator[None]:
    """What a driver raises, as a `LedgerError` that names the ledger without its password."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        cause = getattr(error, "orig", None) or error
        unmigrated = isinstance(error, OperationalError | ProgrammingError | OSError)
        hint = "; is it there, and migrated (`midwatch up`)?" if unmigrated else ""
        kind = LedgerAway if isinstance(error, OperationalError | InterfaceError | OSError) else LedgerError
        raise kind(f"the ledger at {url.render_as_string(hide_password=True)} refused: {cause}{hint}") from error
