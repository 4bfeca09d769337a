"""The ledger: did all six layers of an agent hold when somebody last looked?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import update

from midwatch.ledger.tables import layers_seen
from midwatch.ledger.transaction import Read, Write, reads, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class LayersSeen:
    agent: str
    fingerprint: str
    """Of the agent that was looked at."""
    held: bool
    detail: str
    at: datetime


@writes()
def record_layers(tx: Write, agent: str, *, fingerprint: str, held: bool, detail: str) -> None:
    """What `midwatch check` has found; the last time counts."""
    facts = {"fingerprint": fingerprint, "held": held, "detail": detail}
    _, new = tx.enter(layers_seen, {"agent": agent}, at=tx.at, **facts)
    if not new:
        tx.changed(update(layers_seen).where(layers_seen.c.agent == agent).values(at=tx.at, **facts))
    tx.journal("layers_seen", None, agent=agent, **facts)


@reads
def layers_of(tx: Read, agent: str) -> LayersSeen | None:
    """None: nobody ever looked."""
    row = tx.at_key(layers_seen, {"agent": agent})
    return None if row is None else LayersSeen(**row)
