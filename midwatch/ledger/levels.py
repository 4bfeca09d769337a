"""The ledger: how much is an agent trusted with? Granted by a person, with a reason; never by a file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import select

from midwatch.errors import LedgerError
from midwatch.ledger.tables import levels
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.run import Level

UNGRANTED: Final[Level] = 3
"""Where an agent stands that nobody has granted anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelGrant:
    grant_id: int
    agent: str
    level: Level
    by: str
    because: str
    granted_at: datetime
    until: datetime | None
    """None: until the next grant."""


@writes()
def grant_level(
    tx: Write, agent: str, level: Level, *, by: str, because: str, until: datetime | None = None
) -> LevelGrant:
    """Put the agent on `level`, up or down; the latest row is the one that counts."""
    if not by.strip() or not because.strip():
        raise LedgerError(f"a grant for {agent!r} names who gives it and why; one of them is empty")
    return put_on(tx, agent, level, by=by, because=because, until=until)


def put_on(tx: Write, agent: str, level: Level, *, by: str, because: str, until: datetime | None) -> LevelGrant:
    """The grant, within a transaction."""
    facts = {"agent": agent, "level": level, "by": by, "because": because, "until": until}
    row = tx.insert(levels, granted_at=tx.at, **facts)
    tx.journal("level_granted", None, grant_id=row["grant_id"], **facts)
    return LevelGrant(**row)


@reads
def level_of(tx: Read, agent: str, now: datetime) -> Level:
    """The level that stands. When a grant runs out nobody rises: above 3 it is 3 again, below 3 it stays."""
    row = tx.first(select(levels).where(levels.c.agent == agent).order_by(levels.c.grant_id.desc()).limit(1))
    if row is None:
        return UNGRANTED
    grant = LevelGrant(**row)
    over = grant.until is not None and grant.until <= now
    return min(grant.level, UNGRANTED) if over else grant.level


@reads
def grants(tx: Read, agent: str | None = None) -> list[LevelGrant]:
    """Every grant, newest first; of one agent or of all."""
    query = select(levels).order_by(levels.c.grant_id.desc())
    return [LevelGrant(**row) for row in tx.all(query if agent is None else query.where(levels.c.agent == agent))]
