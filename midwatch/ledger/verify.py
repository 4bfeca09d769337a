"""The ledger: does every row say what the journal says of it? From nothing but the database, in one pass.

The journal is read once, its chain computed again, and what it tells of each row laid into a private temporary database; then
every row of every witnessed table is held against that. What is left there belongs to rows that are gone.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import partial
from typing import Any

from sqlalchemy import RowMapping, select

from midwatch.ledger.chain import PAGE, ChainReport, unbroken
from midwatch.ledger.columns import NANO, storable
from midwatch.ledger.earned import unearned
from midwatch.ledger.findings import Finding, Findings
from midwatch.ledger.journal import GENESIS, Link, canonical, moment, sha256
from midwatch.ledger.rungs import HEARD, Rungs
from midwatch.ledger.sayings import Saying, Sayings
from midwatch.ledger.scope import Scope
from midwatch.ledger.tables import journal, metadata
from midwatch.ledger.told import UNTOLD, Row, Witnessed
from midwatch.ledger.transaction import Read, Store

Seen = Callable[[int], None]
"""Hears how many more rows were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """What a ledger is worth as evidence."""

    chain: ChainReport
    entries: int
    rows: Mapping[str, int]
    """By table, how many were held against the journal."""
    findings: tuple[Finding, ...]
    found: int
    untold: Mapping[str, int]
    """By column (`asks.agent`), of how many rows the journal's older entries do not tell it."""

    @property
    def ok(self) -> bool:
        return self.chain.ok and not self.found


async def verify(store: Store, seen: Seen = lambda _: None) -> Verified:
    """Hold every row of every witnessed table against the journal, as both stand at one moment."""
    return await store.read(partial(held, scope=Scope(), seen=seen))


def held(tx: Read, scope: Scope, seen: Seen) -> Verified:
    """Hold what is in the scope against the journal, as both stand from now on, in a transaction that has not read yet.

    Raises:
        ValueError, KeyError, TypeError: an entry is none that the ledger could have written.
    """
    _at_one_moment(tx)
    findings, untold, rows = Findings(), Counter[str](), dict[str, int]()
    with Sayings() as sayings:
        chain, entries = _listen(tx, scope, sayings, findings, seen)
        for one in scope.tables:
            if one.table in metadata.tables:
                rows[one.table] = _hold(tx, one, scope, sayings, findings, untold, seen)
    if scope.agent is None:
        for table, key, words in unearned(tx):
            findings.add(Finding(what="unearned", table=table, key=key, words=words))
    return Verified(
        chain=chain,
        entries=entries,
        rows=rows,
        findings=tuple(findings.kept),
        found=findings.times,
        untold=dict(untold),
    )


def _at_one_moment(tx: Read) -> None:
    """What others write meanwhile is not seen."""
    if tx.connection.dialect.name == "sqlite":
        tx.connection.exec_driver_sql("BEGIN")
    else:
        tx.connection.execution_options(isolation_level="REPEATABLE READ")


def _listen(tx: Read, scope: Scope, sayings: Sayings, findings: Findings, seen: Seen) -> tuple[ChainReport, int]:
    """Read the journal, whole or not: what stands behind a broken link is listened to as well."""
    kinds = {kind: one for one in scope.tables for kind in one.tells}
    rungs, rows, head, entries = Rungs(), 0, GENESIS, 0
    first_bad: int | None = None
    for page in tx.pages(select(journal).order_by(journal.c.seq), PAGE):
        links = [Link(**row) for row in page]
        if first_bad is None:
            sound = unbroken(links, rows, head)
            if sound:
                rows, head = sound[-1].seq, sound[-1].hash
            first_bad = links[len(sound)].seq if len(sound) < len(links) else None
        sayings.add(_heard(links, kinds, scope, rungs, findings))
        entries += len(links)
        seen(len(links))
    return ChainReport(ok=first_bad is None, rows=rows, first_bad=first_bad, head=head), entries


def _heard(
    links: Sequence[Link], kinds: Mapping[str, Witnessed], scope: Scope, rungs: Rungs, findings: Findings
) -> Iterator[Saying]:
    for link in links:
        one = kinds.get(link.kind)
        if one is None:
            continue
        body = json.loads(link.body)
        if scope.agent is None and link.kind in HEARD:
            for words in rungs.hear(link, body):
                findings.add(Finding(what="unearned", table=one.table, key={}, seq=link.seq, words=words))
        if not scope.hears(one.table, link, body):
            continue
        for key in _keys(one, link, body):
            yield Saying(
                table=one.table, key=key, seq=link.seq, kind=link.kind, at=link.at, run_id=link.run_id, body=link.body
            )


def _keys(one: Witnessed, link: Link, body: Mapping[str, Any]) -> Iterator[str]:
    """Of the rows that the entry speaks of."""
    if each := one.tells[link.kind].each:
        yield from (canonical([number]) for number in body[each])
        return
    named = [body.get(name, link.run_id if name == "run_id" else None) for name in one.key]
    yield canonical([storable(value) if isinstance(value, str) else value for value in named])


def _hold(
    tx: Read,
    one: Witnessed,
    scope: Scope,
    sayings: Sayings,
    findings: Findings,
    untold: Counter[str],
    seen: Seen,
) -> int:
    """Every row of one table that is in the scope; how many there are."""
    table = metadata.tables[one.table]
    columns = [column.name for column in table.c]
    looked_at = 0
    for page in tx.pages(scope.rows(table).order_by(*(table.c[name] for name in one.key)), PAGE):
        by_key = {canonical([row[name] for name in one.key]): row for row in page}
        said = sayings.take(one.table, list(by_key))
        for key, row in by_key.items():
            _compare(one, row, said.get(key, ()), columns, findings, untold)
        looked_at += len(page)
        seen(len(page))
    for gone in sayings.left(one.table):
        named = dict(zip(one.key, json.loads(gone.key), strict=True))
        findings.add(Finding(what="missing", table=one.table, key=named, seq=gone.seq))
    return looked_at


def _compare(
    one: Witnessed,
    row: RowMapping,
    said: Sequence[Saying],
    columns: Sequence[str],
    findings: Findings,
    untold: Counter[str],
) -> None:
    key = {name: row[name] for name in one.key}
    if not said:
        findings.add(Finding(what="added", table=one.table, key=key))
        return
    told, by = _told(one, said, columns)
    for column in columns:
        expected = told.get(column, UNTOLD)
        if expected == UNTOLD:
            untold[f"{one.table}.{column}"] += 1
        elif not _same(stands := _plain(row[column]), expected):
            found = Finding(
                what="changed", table=one.table, key=key, column=column, stands=stands, says=expected, seq=by[column]
            )
            findings.add(found)


def _told(one: Witnessed, said: Sequence[Saying], columns: Sequence[str]) -> tuple[Row, dict[str, int]]:
    """The row as the journal has it, and which entry told each column last."""
    row: Row = {}
    by: dict[str, int] = {}
    for saying in said:
        after = one.tells[saying.kind].row(json.loads(saying.body), saying.at, saying.run_id, row, columns)
        by |= {name: saying.seq for name in after if name not in row or after[name] != row[name]}
        row = after
    return row, by


def _same(stands: Any, expected: Any) -> bool:
    if isinstance(expected, dict):
        return stands is not None and sha256(str(stands)) == expected["sha256"]
    return bool(stands == expected)


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return moment(value)
        case Decimal():
            return int(value * NANO)
        case _:
            return value
