"""The ledger: who has this slot? An agent's scheduled instant or event is claimed by one run, once."""

from __future__ import annotations

from dataclasses import dataclass

from midwatch.ledger.tables import slots
from midwatch.ledger.transaction import Write, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotClaim:
    won: bool
    holder: str
    """The run that has the slot."""


@writes()
def claim_slot(tx: Write, agent: str, slot: str, run_id: str) -> SlotClaim:
    """Take the slot for `run_id`. The holder wins again as often as it comes back; anybody else loses."""
    row, new = tx.enter(slots, {"agent": agent, "slot": slot}, run_id=run_id, claimed_at=tx.at)
    if new:
        tx.journal("slot_claimed", run_id, agent=agent, slot=slot)
    return SlotClaim(won=row["run_id"] == run_id, holder=row["run_id"])
