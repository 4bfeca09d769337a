"""The ledger: which digests were made, and who has taken them? One a person and day; each place takes one once.

    claim_delivery ──> trying ── delivery_taken ───> taken
                         │  ^
         delivery_refused│  │claim_delivery
                         v  │
                       refused

Whoever finds a delivery `trying` comes after one that died on the way: nobody knows whether it arrived.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final, Literal

from sqlalchemy import RowMapping, Update, select, update

from midwatch.ledger.tables import digest_deliveries, digests
from midwatch.ledger.transaction import Read, Write, reads, writes

Place = Literal["artifact", "slack", "channels"]
"""channels: a person's own, the first that takes it."""
DeliveryState = Literal["trying", "taken", "refused"]
Claim = Literal["yours", "taken", "in_doubt"]
"""What the caller does next: sends it, leaves it, or finds out whether it arrived."""
FIRST: Final = timedelta(hours=24)
"""What a first digest is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DigestRow:
    digest_id: str
    person: str
    """Empty: the house's own."""
    day: date
    """Where the person is."""
    number: int
    """Of that day, from 1: more than one where somebody asked for it again."""
    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryRow:
    digest_id: str
    place: Place
    state: DeliveryState
    tried_at: datetime
    taken_by: str
    """Which channel has it."""
    fault: str
    """What the last try failed of."""


@writes()
def begin_digest(tx: Write, person: str, day: date, *, again: bool = False) -> DigestRow:
    """The digest of this day, a new one where there is none yet, or where it is wanted `again`.

    It goes from the end of the last one of an earlier day to now; the first one, over `FIRST`.
    """
    mine = select(digests).where(digests.c.person == person)
    today = tx.first(mine.where(digests.c.day == day).order_by(digests.c.number.desc()).limit(1))
    if today is not None and not again:
        return _digest(today)
    before = tx.first(mine.where(digests.c.day < day).order_by(digests.c.until.desc()).limit(1))
    since = before["until"] if before is not None else tx.at - FIRST
    number = today["number"] + 1 if today is not None else 1
    digest_id = f"{day}/{number}/{person}"
    row = tx.insert(digests, digest_id=digest_id, person=person, day=day, number=number, since=since, until=tx.at)
    tx.journal("digest_begun", None, digest_id=digest_id, person=person, since=since, until=tx.at)
    return _digest(row)


@writes()
def claim_delivery(tx: Write, digest_id: str, place: Place) -> Claim:
    """Ask for the right to deliver a digest to a place."""
    row = tx.at_key(digest_deliveries, _key(digest_id, place))
    if row is None:
        tx.insert(digest_deliveries, **_key(digest_id, place), state="trying", tried_at=tx.at)
        return "yours"
    state: DeliveryState = row["state"]
    match state:
        case "taken":
            return "taken"
        case "trying":
            return "in_doubt"
        case "refused":
            tx.changed(_mine(digest_id, place).values(state="trying", tried_at=tx.at))
            return "yours"


@writes()
def delivery_taken(tx: Write, digest_id: str, place: Place, taken_by: str) -> None:
    """It has arrived; it is not sent there again."""
    _end(tx, digest_id, place, "taken", taken_by=taken_by, fault="")


@writes()
def delivery_refused(tx: Write, digest_id: str, place: Place, fault: str) -> None:
    """It has not arrived; it may be tried again."""
    _end(tx, digest_id, place, "refused", taken_by="", fault=fault)


@reads
def deliveries_of(tx: Read, digest_id: str) -> list[DeliveryRow]:
    """Where it was sent to, and what came of it."""
    query = select(digest_deliveries).where(digest_deliveries.c.digest_id == digest_id)
    return [DeliveryRow(**row) for row in tx.all(query.order_by(digest_deliveries.c.place))]


@reads
def last_digest(tx: Read, person: str) -> DigestRow | None:
    """The latest one of this person."""
    query = select(digests).where(digests.c.person == person).order_by(digests.c.until.desc()).limit(1)
    row = tx.first(query)
    return None if row is None else _digest(row)


def _end(tx: Write, digest_id: str, place: Place, state: DeliveryState, **values: str) -> None:
    trying = _mine(digest_id, place).where(digest_deliveries.c.state == "trying")
    if tx.changed(trying.values(state=state, **values)):
        tx.journal(f"digest_{state}", None, digest_id=digest_id, place=place, **values)


def _mine(digest_id: str, place: Place) -> Update:
    return update(digest_deliveries).where(
        digest_deliveries.c.digest_id == digest_id, digest_deliveries.c.place == place
    )


def _key(digest_id: str, place: Place) -> dict[str, str]:
    return {"digest_id": digest_id, "place": place}


def _digest(row: RowMapping) -> DigestRow:
    return DigestRow(**row)
