"""The ledger: is this approval still good? Once, for a while, and for exactly the call that a person saw."""

from __future__ import annotations

from sqlalchemy import select, update

from midwatch.approval import GRACE, Approval, Attempt, fault_of
from midwatch.ask_context import AskContext
from midwatch.errors import LedgerError
from midwatch.ledger.asks import AskRow
from midwatch.ledger.tables import asks, effects
from midwatch.ledger.transaction import Read, Write, reads


def spend(tx: Write, ask_id: str, run_id: str, call_id: str, digest: str) -> None:
    """Use the approval up, as the effect begins that stands on it.

    Raises:
        LedgerError: it is not good for this call, or not any more; says why.
    """
    attempt = Attempt(run_id=run_id, call_id=call_id, digest=digest, at=tx.at)
    if fault := fault_of(_on_file(tx, ask_id, attempt, begun=False), attempt):
        raise LedgerError(f"approval {ask_id!r}: {fault}; nothing was done")
    unspent = update(asks).where(asks.c.ask_id == ask_id, asks.c.spent_at.is_(None))
    if not tx.changed(unspent.values(spent_at=tx.at)):
        raise LedgerError(f"approval {ask_id!r} is used up; nothing was done")
    tx.journal("approval_spent", run_id, ask_id=ask_id, digest=digest)


@reads
def approval(tx: Read, ask_id: str, attempt: Attempt) -> Approval | None:
    """What is on file under this ask, as far as this attempt is concerned; None: nothing.

    Where the attempt's own effect stands on it already, it was good when that began, and is not used up for it.
    """
    return _on_file(tx, ask_id, attempt, begun=_begun(tx, ask_id, attempt))


def _on_file(tx: Read, ask_id: str, attempt: Attempt, *, begun: bool) -> Approval | None:
    found = tx.first(select(asks).where(asks.c.ask_id == ask_id))
    if found is None or found["kind"] != "approve" or found["decided_at"] is None:
        return None
    row = AskRow(**found)
    edited, context = row.verdict == "edited", AskContext.model_validate_json(row.context_json)
    return Approval(
        run_id=row.run_id,
        call_id=row.call_id,
        agent=row.agent,
        digest=(row.granted_digest or "") if row.verdict in ("approved", "edited") else "",
        by=row.by or "",
        good_until=attempt.at + GRACE if begun else (row.deadline or row.decided_at or row.created_at) + GRACE,
        shown=None if begun or edited else context.shown,
        edited=edited and not begun,
        before=context.before,
        used=row.spent_at is not None and not begun,
    )


def _begun(tx: Read, ask_id: str, attempt: Attempt) -> bool:
    own = (effects.c.ask_id == ask_id, effects.c.run_id == attempt.run_id, effects.c.call_id == attempt.call_id)
    return tx.first(select(effects.c.effect_id).where(*own)) is not None
