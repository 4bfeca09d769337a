"""The ledger: what is one public call? A function over an open transaction, made into a method by `writes` or `reads`.

`@writes` gives it the ledger's write lock, the moment, and the journal; everything that it does is kept, or nothing.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, Executable, RowMapping, Select, Table, bindparam, select

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

    def at_key(self, table: Table, key: Mapping[str, object]) -> RowMapping | None:
        """The row with this key, or None."""
        return self.connection.execute(_lookup(table, tuple(key)), key).mappings().first()

    def run(self, run_id: str) -> RowMapping:
        """The row of a run that must be there."""
        row = self.at_key(runs, {"run_id": run_id})
        if row is None:
            raise LedgerError(f"no run {run_id!r} in the ledger; `start_run` comes first")
        return row


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

    def changed(self, statement: Executable) -> bool:
        """Run an UPDATE; did its condition hold for a row?"""
        return bool(self.connection.execute(statement).rowcount)

    def journal(self, kind: str, run_id: str | None, /, **body: object) -> None:
        """Append to the journal what this transaction changed."""
        self.chain.append(self.at, kind, run_id, body)


@functools.cache
def _lookup(table: Table, names: tuple[str, ...]) -> Select[Any]:
    """Built once for each table: to build a statement takes longer than to run it."""
    return select(table).where(*(table.c[name] == bindparam(name) for name in names))


@functools.cache
def _insertion(table: Table) -> Executable:
    return table.insert().returning(*table.c)


class Store:
    """A database and a clock; `Ledger` hangs the public calls on it."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database, self._clock = database, clock

    async def read(self, work: Callable[[Read], T]) -> T:
        """Run `work` on a connection, beside any writer."""
        return await self._database.read(lambda connection: work(Read(connection)))

    async def write(self, work: Callable[[Write], T], *, durable: bool) -> T:
        """Run `work` in one transaction. `durable`: it survives a power loss as well as a killed process."""

        def writing(connection: Connection) -> T:
            return work(Write(connection, self._clock(), journal.Chain(connection)))

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
