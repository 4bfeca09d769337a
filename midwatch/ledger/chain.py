"""The ledger: was the journal altered after it was written? Every hash is computed again.

A chain shows rows that were changed, taken out or put in. That rows were cut off at its end only an earlier report's
`head` shows, kept elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Final

from sqlalchemy import select

from midwatch.ledger.journal import GENESIS, Link
from midwatch.ledger.tables import journal
from midwatch.ledger.transaction import Read, Store, reads

PAGE: Final = 1000
"""Rows in one read; between two reads others may write."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    ok: bool
    rows: int
    """How many rows hold, from the first on."""
    first_bad: int | None
    """`seq` of the first row that was altered, or whose predecessor is missing."""
    head: str
    """Hash of the last row that holds."""


async def verify_chain(store: Store) -> ChainReport:
    """Read the whole journal; one pass, at most `PAGE` rows in memory."""
    rows, head = 0, GENESIS
    while links := await store.read(partial(_page, after=rows)):
        sound = unbroken(links, rows, head)
        if sound:
            rows, head = sound[-1].seq, sound[-1].hash
        if len(sound) < len(links):
            return ChainReport(ok=False, rows=rows, first_bad=links[len(sound)].seq, head=head)
    return ChainReport(ok=True, rows=rows, first_bad=None, head=head)


def unbroken(links: Iterable[Link], seq: int, prev_hash: str) -> list[Link]:
    """The links from the first on that follow one another, after row `seq` with hash `prev_hash`."""
    sound: list[Link] = []
    for link in links:
        if (link.seq, link.prev_hash, link.hash) != (seq + 1, prev_hash, link.expected_hash()):
            break
        sound.append(link)
        seq, prev_hash = link.seq, link.hash
    return sound


def _page(tx: Read, after: int) -> list[Link]:
    query = select(journal).where(journal.c.seq > after).order_by(journal.c.seq).limit(PAGE)
    return [Link(**row) for row in tx.all(query)]


@reads
def holds(tx: Read, head: str) -> bool:
    """Whether an entry with this hash stands in the journal; of a whole chain: all up to it is as it was."""
    return tx.first(select(journal.c.seq).where(journal.c.hash == head).limit(1)) is not None
