"""The ledger: who is told of what needs them, with which settings, and does anybody look after that at this moment?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update

from midwatch.ledger.tables import people as table
from midwatch.ledger.transaction import Read, Write, reads, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonRow:
    person: str
    settings_json: str
    """An `attention.Person`, as `attention_settings` writes it."""
    since: datetime
    """What happened before is not told to them any more."""
    seen_at: datetime
    """When a notifier last looked for what to tell."""


@writes(durable=False)
def see_people(tx: Write, settings: Mapping[str, str]) -> list[PersonRow]:
    """These are the people now, and a notifier is at work. Whoever is left out is told nothing any more."""
    standing = {row.person: row for row in _all(tx)}
    for person, text in settings.items():
        row = standing.get(person)
        if row is None:
            tx.insert(table, person=person, settings_json=text, since=tx.at, seen_at=tx.at)
        else:
            mine = update(table).where(table.c.person == person)
            tx.changed(mine.values(settings_json=text, seen_at=max(tx.at, row.seen_at)))
        if row is None or row.settings_json != text:
            tx.journal("person_told", None, person=person, settings=text)
    for person in standing.keys() - settings.keys():
        tx.changed(delete(table).where(table.c.person == person))
        tx.journal("person_left", None, person=person)
    return _all(tx)


@reads
def people(tx: Read) -> list[PersonRow]:
    """Everybody, by name."""
    return _all(tx)


def _all(tx: Read) -> list[PersonRow]:
    return [PersonRow(**row) for row in tx.all(select(table).order_by(table.c.person))]
