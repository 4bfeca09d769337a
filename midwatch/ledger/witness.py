"""The ledger: does the journal bear out what a row says? A row that it does not bear out counts as if it were not there.

For the few rows that say what an agent is trusted with. They are looked for in the journal, and not the other way round, so
that a row which was put in, changed or taken out by another hand than the ledger's is seen before anything is built on it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import RowMapping, literal_column, select

from midwatch.ledger.journal import GENESIS, Link, canonical, moment, sha256
from midwatch.ledger.tables import journal
from midwatch.ledger.transaction import Read, Write

Signed = Literal["level_granted", "class_moved"]
"""What kind of link; `ix_journal_signed` holds them alone."""


def sign(tx: Write, kind: Signed, facts: Mapping[str, Any]) -> None:
    """Journal a row at once: what follows in the same transaction may ask for it."""
    tx.journal(kind, None, **facts)
    tx.chain.write()


def facts_of(row: RowMapping, at: str) -> dict[str, Any]:
    """What the journal is told of a row: all of it but its moment, which is the link's own, the long text as its hash.

    Args:
        at: the column of the moment.
    """
    facts = {name: value for name, value in row.items() if name not in (at, "evidence_json")}
    return {**facts, "evidence_sha256": sha256(row["evidence_json"])}


def entries(tx: Read, kind: Signed, agent: str, *, most: int | None = None) -> Iterator[tuple[Link, dict[str, Any]]]:
    """The links about this agent with what they say, the newest first.

    Args:
        most: no more than so many are looked at.
    """
    spelled = f'"agent":{canonical(agent)}'
    mine = journal.c.kind == literal_column(f"'{kind}'"), journal.c.body.contains(spelled, autoescape=True)
    for row in tx.all(select(journal).where(*mine).order_by(journal.c.seq.desc()).limit(most)):
        link = Link(**row)
        body = json.loads(link.body)
        if body.get("agent") == agent:
            yield link, body


def bears_out(
    tx: Read, link: Link, body: Mapping[str, Any], facts: Mapping[str, Any], at: datetime, *, older: frozenset[str]
) -> bool:
    """Whether the link is whole, stands in its place in the chain, and says of the row what the row says of itself."""
    return says_so(link, body, facts, at, older=older) and bool(whole(tx, [link]))


def says_so(
    link: Link,
    body: Mapping[str, Any],
    facts: Mapping[str, Any],
    at: datetime,
    *,
    older: frozenset[str] = frozenset(),
) -> bool:
    """Whether the link says of the row what the row says of itself.

    Args:
        body: of the link.
        facts: of the row, as they are journaled.
        at: when the row was made.
        older: the names of what a ledger of an earlier revision journaled of such a row.
    """
    said = json.loads(canonical(dict(facts)))
    all_of_it = body.keys() in (said.keys(), older)
    return all_of_it and link.at == moment(at) and all(said.get(name) == value for name, value in body.items())


def whole(tx: Read, links: Sequence[Link]) -> set[int]:
    """Those of the links, by `seq`, whose hash is that of what they say, and whose neighbours' hashes fit. One question."""
    beside = {seq for link in links for seq in (link.seq - 1, link.seq + 1)}
    query = select(journal.c.seq, journal.c.hash, journal.c.prev_hash).where(journal.c.seq.in_(sorted(beside)))
    near = {row["seq"]: (row["hash"], row["prev_hash"]) for row in tx.all(query)} if links else {}
    return {link.seq for link in links if _is_whole(link, near)}


def _is_whole(link: Link, near: Mapping[int, tuple[str, str]]) -> bool:
    before = GENESIS if link.seq == 1 else near.get(link.seq - 1, ("",))[0]
    after = near[link.seq + 1][1] if link.seq + 1 in near else link.hash
    return (link.hash, link.prev_hash, after) == (link.expected_hash(), before, link.hash)
