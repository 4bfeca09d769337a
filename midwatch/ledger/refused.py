"""The ledger: what came from outside in a while and no run could take, by agent?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select

from midwatch.ledger.tables import arrivals
from midwatch.ledger.transaction import Read, reads


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Arrivals for one agent that do not fit its input, and have not been mended since."""

    agent: str
    times: int


@reads
def refused_between(tx: Read, since: datetime, until: datetime) -> list[Refused]:
    """Those that came in it, by agent."""
    mine = arrivals.c.state == "refused", arrivals.c.received_at >= since, arrivals.c.received_at < until
    counted = select(arrivals.c.agent, func.count().label("times")).where(*mine).group_by(arrivals.c.agent)
    return [Refused(**row) for row in tx.all(counted.order_by(arrivals.c.agent))]
