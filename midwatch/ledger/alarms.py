"""The ledger: what is not as it should be though no run says so? One open alarm for a key, however often it is raised."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import or_, select, update

from midwatch.ledger.tables import alarms
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.severity import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmRow:
    alarm_id: str
    key: str
    """What it is about: `silence:AGENT`."""
    agent: str
    severity: Severity
    what: str
    """Midwatch's own words, for a person; no word of a model stands in it."""
    raised_at: datetime
    over_at: datetime | None
    over_because: str | None


@writes()
def raise_alarm(tx: Write, key: str, *, agent: str, severity: Severity, what: str) -> AlarmRow | None:
    """A new alarm; None where the one of this key still stands."""
    return raised(tx, key, agent=agent, severity=severity, what=what)


def raised(tx: Write, key: str, *, agent: str, severity: Severity, what: str) -> AlarmRow | None:
    """`raise_alarm` as a part of a larger transaction."""
    if tx.first(select(alarms.c.alarm_id).where(alarms.c.key == key, alarms.c.over_at.is_(None))) is not None:
        return None
    alarm_id = hashlib.sha256(f"{key}\0{tx.at.isoformat()}".encode()).hexdigest()[:16]
    facts = {"key": key, "agent": agent, "severity": severity, "what": what}
    row = tx.insert(alarms, alarm_id=alarm_id, raised_at=tx.at, **facts)
    tx.journal("alarm_raised", None, alarm_id=alarm_id, **facts)
    return AlarmRow(**row)


@writes()
def end_alarm(tx: Write, key: str, because: str) -> bool:
    """What it was about is over; False where no alarm of this key stands."""
    return ended(tx, key, because)


def ended(tx: Write, key: str, because: str) -> bool:
    """`end_alarm` as a part of a larger transaction."""
    standing = update(alarms).where(alarms.c.key == key, alarms.c.over_at.is_(None))
    if not tx.changed(standing.values(over_at=tx.at, over_because=because)):
        return False
    tx.journal("alarm_over", None, key=key, because=because)
    return True


@reads
def open_alarms(tx: Read) -> list[AlarmRow]:
    """The oldest first."""
    query = select(alarms).where(alarms.c.over_at.is_(None)).order_by(alarms.c.raised_at, alarms.c.alarm_id)
    return [AlarmRow(**row) for row in tx.all(query)]


@reads
def alarms_between(tx: Read, since: datetime, until: datetime) -> list[AlarmRow]:
    """Those that stood at some time of it, the oldest first."""
    stood = (alarms.c.raised_at < until, or_(alarms.c.over_at.is_(None), alarms.c.over_at >= since))
    return [AlarmRow(**row) for row in tx.all(select(alarms).where(*stood).order_by(alarms.c.raised_at))]


@reads
def still_open(tx: Read, alarm_ids: Sequence[str]) -> frozenset[str]:
    """Which of these alarms stand."""
    standing = select(alarms.c.alarm_id).where(alarms.c.alarm_id.in_(alarm_ids), alarms.c.over_at.is_(None))
    return frozenset(str(row["alarm_id"]) for row in tx.all(standing))
