"""The ledger: which slots of all agents came to nothing in a while, and why?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from midwatch.ledger.tables import slots
from midwatch.ledger.transaction import Read, reads
from midwatch.slots import SlotState


@dataclass(frozen=True, slots=True, kw_only=True)
class Lapse:
    """Slots of one agent that were not run, for one reason."""

    agent: str
    state: SlotState
    """missed or skipped."""
    reason: str
    times: int
    last: datetime
    """The instant of the last of them."""


@reads
def lapses_between(tx: Read, since: datetime, until: datetime) -> list[Lapse]:
    """Those that came to nothing, by agent and reason."""
    counted = (func.count().label("times"), func.max(slots.c.instant).label("last"))
    query = select(slots.c.agent, slots.c.state, slots.c.reason, *counted)
    lapsed = (slots.c.state.in_(("missed", "skipped")), slots.c.instant >= since, slots.c.instant < until)
    grouped = query.where(*lapsed).group_by(slots.c.agent, slots.c.state, slots.c.reason)
    return [Lapse(**row) for row in tx.all(grouped.order_by(slots.c.agent, slots.c.state, slots.c.reason))]
