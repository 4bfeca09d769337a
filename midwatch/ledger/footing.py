"""The ledger: does the journal bear out what a promotion would stand on? Looked at before anybody is promoted, or proposed.

It is the pass of `verify`, over the whole chain and over the rows that the evidence is counted from. It takes as long as the
ledger is, so it is made beside the writers; in the transaction that promotes, what was found must still be so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from midwatch.errors import LedgerError
from midwatch.ledger.chain import ChainReport
from midwatch.ledger.evidence import Record
from midwatch.ledger.journal import GENESIS
from midwatch.ledger.scope import Scope
from midwatch.ledger.tables import journal
from midwatch.ledger.transaction import Read, Store
from midwatch.ledger.verify import Seen, held

Count = Callable[[Read, datetime], Record]
"""Counts the evidence as it was at a moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Footing:
    """What the journal bore out, and when."""

    seq: int
    head: str
    """Of the entry `seq`, the last one then."""
    at: datetime
    count: Count
    counted: Record
    """The evidence as it then was."""

    def still(self, tx: Read) -> Record:
        """In the transaction that promotes: the evidence of that moment, where it and the journal are still what they were.

        Raises:
            LedgerError: they are not.
        """
        last = tx.connection.scalar(select(journal.c.hash).where(journal.c.seq == self.seq))
        if (last or GENESIS) != self.head or self.count(tx, self.at) != self.counted:
            raise LedgerError("what it stands on was changed while it was looked at; do it again")
        return self.counted


async def footing(store: Store, agent: str, count: Count, seen: Seen) -> Footing:
    """What a promotion of the agent would stand on.

    Raises:
        LedgerError: the journal does not bear it out; names the row.
    """
    at = store.now()

    def look(tx: Read) -> Footing:
        chain, doubt = _looked(tx, agent, seen)
        if chain is None or doubt:
            raise LedgerError(doubt)
        return Footing(seq=chain.rows, head=chain.head, at=at, count=count, counted=count(tx, at))

    return await store.read(look)


async def evidence_doubt(store: Store, agent: str, seen: Seen = lambda _: None) -> str:
    """What of the agent's evidence the journal does not bear out, and what to do; "" where all of it holds."""
    return (await store.read(lambda tx: _looked(tx, agent, seen)))[1]


def _looked(tx: Read, agent: str, seen: Seen) -> tuple[ChainReport | None, str]:
    try:
        found = held(tx, Scope(agent=agent), seen)
    except SQLAlchemyError:
        raise
    except Exception as error:  # an entry that nobody could have written may fail anywhere, and bears nothing out
        return None, _said(agent, f"the journal cannot be read ({type(error).__name__}: {error})")
    if not found.chain.ok:
        return found.chain, _said(agent, f"the journal is broken at entry {found.chain.first_bad}")
    if found.found:
        more = f" (and {found.found - 1:,} more)" if found.found > 1 else ""
        return found.chain, _said(agent, f"{found.findings[0].where} is not what the journal holds{more}")
    return found.chain, ""


def _said(agent: str, what: str) -> str:
    return f"{what}; nobody is promoted on such evidence of {agent}: `midwatch verify` says what is wrong"
