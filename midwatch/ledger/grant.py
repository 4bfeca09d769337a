"""The ledger: is this approval still good? Once, and for exactly the call that a person saw."""

from __future__ import annotations

from sqlalchemy import update

from midwatch.ledger.tables import asks
from midwatch.ledger.transaction import Write, writes


def spend(tx: Write, ask_id: str, digest: str) -> bool:
    """Use the approval up; False: not approved, for another call, or used already."""
    good = update(asks).where(
        asks.c.ask_id == ask_id,
        asks.c.granted_digest == digest,
        asks.c.verdict.in_(("approved", "edited")),
        asks.c.spent_at.is_(None),
    )
    if not tx.changed(good.values(spent_at=tx.at)):
        return False
    tx.journal("approval_spent", None, ask_id=ask_id, digest=digest)
    return True


@writes()
def spend_grant(tx: Write, ask_id: str, digest: str) -> bool:
    """For a call that is no effect; an effect's approval is spent by `reserve(ask_id=...)`, with its reservation."""
    return spend(tx, ask_id, digest)
