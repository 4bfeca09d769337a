"""The ledger: what is one public call? A function over an open transaction, made into a method by `writes` or `reads`.

`@writes` gives it the ledger's write lock, the moment, and the journal; everything that it does is kept, or nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

from sqlalchemy import Connection, Executable, RowMapping, Select, Table, bindparam, select, text

from midwatch.errors import LedgerError
from midwatch.ledger import journal
from midwatch.ledger.database import Database
from midwatch.ledger.tables import runs

P = ParamSpec("P")
T = TypeVar("T")
Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Read:
    """A connection to look with."""

    connection: Connection

    def first(self, query: Select[Any]) -> RowMapping | None:
        """The first row, or None."""
        return self.connection.execute(query).mappings().first()

    def all(self, query: Select[Any]) -> Sequence[RowMapping]:
        """Every row."""
        return self.connection.execute(query).mappings().all()

    def pages(self, query: Select[Any], size: int) -> Iterator[Sequence[RowMapping]]:
        """Every row, at most `size` of them in memory."""
        yield from self.connection.execute(query, execution_options={"yield_per": size}).mappings().partitions()

    def at_key(self, table: Table, key: Mapping[str, object]) -> RowMapping | None:
        """The row with this key, or None."""
        return self.connection.execute(_lookup(table, tuple(key)), key).mappings().first()

    def row(self, table: Table, key: Mapping[str, object]) -> RowMapping:
        """The row with this key, which is there."""
        return self.connection.execute(_lookup(table, tuple(key)), key).mappings().one()

    def run(self, run_id: str) -> RowMapping:
        """The row of a run that must be there."""
        row = self.at_key(runs, {"run_id": run_id})
        if row is None:
            raise _no_run(run_id)
        return row

    def agent_of(self, run_id: str) -> str:
        """Whose run it is; the run must be there."""
        agent: str | None = self.connection.scalar(_AGENT, {"run_id": run_id})
        if agent is None:
            raise _no_run(run_id)
        return agent


@dataclass(frozen=True, slots=True)
class Write(Read):
    """The one transaction that may write at this moment."""

    at: datetime
    chain: journal.Chain

    def insert(self, table: Table, **values: object) -> RowMapping:
        """Insert and return the row."""
        return self.connection.execute(_insertion(table), values).mappings().one()

    def enter(self, table: Table, key: Mapping[str, object], **values: object) -> tuple[RowMapping, bool]:
        """The row with this key, and whether it is new. No other writer is beside this one, so looking first is safe."""
        standing = self.at_key(table, key)
        return (self.insert(table, **key, **values), True) if standing is None else (standing, False)

    def is_new(self, table: Table, key: Mapping[str, object], **values: object) -> bool:
        """Enter a row unless one with this key stands. One statement, where `enter` takes two and reads."""
        row = {**key, **values}
        return bool(self.connection.execute(_entry(table, tuple(key), tuple(row)), row).rowcount)

    def changed(self, statement: Executable) -> bool:
        """Run an UPDATE; did its condition hold for a row?"""
        return bool(self.connection.execute(statement).rowcount)

    def journal(self, kind: str, run_id: str | None, /, **body: object) -> None:
        """Append to the journal what this transaction changed."""
        self.chain.append(self.at, kind, run_id, body)


_AGENT: Final = select(runs.c.agent).where(runs.c.run_id == bindparam("run_id"))


def _no_run(run_id: str) -> LedgerError:
    return LedgerError(f"no run {run_id!r} in the ledger; `start_run` comes first")


@functools.cache
def _lookup(table: Table, names: tuple[str, ...]) -> Select[Any]:
    """Built once for each table: to build a statement takes longer than to run it."""
    return select(table).where(*(table.c[name] == bindparam(name) for name in names))


@functools.cache
def _insertion(table: Table) -> Executable:
    return table.insert().returning(*table.c)


@functools.cache
def _entry(table: Table, key: tuple[str, ...], names: tuple[str, ...]) -> Executable:
    """As text: SQLAlchemy compiles its own ON CONFLICT anew each time, in ten times as long as it takes to run."""
    values = ", ".join(f":{name}" for name in names)
    entry = text(
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) "  # noqa: S608  # names of the schema alone
        f"ON CONFLICT ({', '.join(key)}) DO NOTHING"
    )
    return entry.bindparams(*(bindparam(name, type_=table.c[name].type) for name in names))


class Store:
    """A database and a clock; `Ledger` hangs the public calls on it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    def now(self) -> datetime:
        """What its clock reads."""
        return self._clock()

    async def read(self, work: Callable[[Read], T]) -> T:
        """Run `work` on a connection, beside any writer."""
        return await self._database.read(lambda connection: work(Read(connection)))

    async def write(self, work: Callable[[Write], T], *, durable: bool) -> T:
        """Run `work` in one transaction. `durable`: it survives a power loss as well as a killed process."""

        def writing(connection: Connection) -> T:
            chain = journal.Chain(connection)
            result = work(Write(connection, self._clock(), chain))
            chain.write()
            return result

        return await self._database.write(writing, durable=durable)


Method = Callable[Concatenate[Store, P], Coroutine[Any, Any, T]]


def reads(work: Callable[Concatenate[Read, P], T]) -> Method[P, T]:
    """A method of the ledger that looks."""

    @functools.wraps(work)
    async def method(store: Store, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return await store.read(lambda tx: work(tx, *args, **kwargs))

    return method


def writes(*, durable: bool = True) -> Callable[[Callable[Concatenate[Write, P], T]], Method[P, T]]:
    """A method of the ledger that changes it, in one transaction."""

    def decorate(work: Callable[Concatenate[Write, P], T]) -> Method[P, T]:
        @functools.wraps(work)
        async def method(store: Store, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return await store.write(lambda tx: work(tx, *args, **kwargs), durable=durable)

        return method

    return decorate


def now() -> datetime:
    """The clock of a ledger that is given no other."""
    return datetime.now(UTC)
