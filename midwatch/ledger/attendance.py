"""The ledger: when was a person last there, and which levels does their silence lower?

A sign is an answer to a question, a digest that was looked at, a grant, or a verb that was typed. Signs of anybody count:
a person who answers under one name and reads under another is one person still.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import func, select, update

from midwatch.ledger.levels import BY, UNGRANTED, LevelGrant, lowered, standing
from midwatch.ledger.notices import BY_ITSELF
from midwatch.ledger.tables import asks, attendance, levels
from midwatch.ledger.transaction import Read, Write, reads, writes

NOTED_EACH: Final = timedelta(hours=1)
"""A second sign within so long is not written down."""


@writes(durable=False)
def person_seen(tx: Write, person: str, via: str, at: datetime | None = None) -> bool:
    """A sign of a person; False where one so young is known.

    Args:
        via: `digest`, `page`, `cli`.
        at: when it was, where it was not now.
    """
    seen = min(at or tx.at, tx.at)
    row = tx.at_key(attendance, {"person": person})
    if row is not None and seen < row["seen_at"] + NOTED_EACH:
        return False
    if row is None:
        tx.insert(attendance, person=person, seen_at=seen, via=via)
    else:
        tx.changed(update(attendance).where(attendance.c.person == person).values(seen_at=seen, via=via))
    tx.journal("person_seen", None, person=person, via=via, seen_at=seen)
    return True


@reads
def last_sign(tx: Read) -> datetime | None:
    """The latest sign of anybody; None where there never was one."""
    answered = select(asks.c.decided_at).where(asks.c.decided_at.is_not(None), asks.c.via.not_in(BY_ITSELF))
    granted = select(levels.c.granted_at).where(levels.c.by != BY)
    found = [
        tx.first(answered.order_by(asks.c.decided_at.desc()).limit(1)),
        tx.first(granted.order_by(levels.c.grant_id.desc()).limit(1)),
        tx.first(select(attendance.c.seen_at).order_by(attendance.c.seen_at.desc()).limit(1)),
    ]
    return max((next(iter(row.values())) for row in found if row is not None), default=None)


@reads
def trusted_agents(tx: Read) -> list[str]:
    """Agents whose latest grant is above the level at which everything is asked."""
    latest = select(func.max(levels.c.grant_id)).group_by(levels.c.agent)
    high = select(levels.c.agent).where(levels.c.grant_id.in_(latest), levels.c.level > UNGRANTED)
    return [str(row["agent"]) for row in tx.all(high.order_by(levels.c.agent))]


@writes()
def lower_unseen(tx: Write, agent: str, *, since: datetime, because: str) -> LevelGrant | None:
    """One level down, never below 3; None where there is nothing to lower, or something was granted after `since`.

    The grant that it makes is young itself, so the next step waits as long as the first, whoever asks for it.
    """
    stands = standing(tx, agent, tx.at)
    if stands.grant is None or stands.grant.granted_at > since or stands.level <= UNGRANTED:
        return None
    return lowered(tx, agent, stands, because=because)
