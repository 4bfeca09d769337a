"""The ledger: who trusted which agent with what, and who took it back? Classes and levels in one list, newest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, literal, null, select, union_all

from midwatch.ledger.classes import Stands
from midwatch.ledger.levels import Basis
from midwatch.ledger.tables import class_moves, levels
from midwatch.ledger.transaction import Read, reads
from midwatch.run import Level


@dataclass(frozen=True, slots=True, kw_only=True)
class Trusted:
    """A class that was put somewhere, or an agent that was put on a level, as the tables have it."""

    agent: str
    rule: str | None
    """The class; None: the level."""
    stands: Stands | None
    level: Level | None
    basis: Basis
    by: str
    because: str
    at: datetime
    until: datetime | None


@reads
def trusted(tx: Read, *, first: int, most: int, agent: str = "") -> list[Trusted]:
    """So many, after the `first` ones; of one agent or of all."""
    moved: Select[tuple[object, ...]] = select(
        class_moves.c.agent,
        class_moves.c.rule,
        class_moves.c.stands,
        null().label("level"),
        *(class_moves.c[name] for name in ("basis", "by", "because", "at", "until")),
        literal(1).label("kind"),
        class_moves.c.move_id.label("number"),
    )
    granted: Select[tuple[object, ...]] = select(
        levels.c.agent,
        null().label("rule"),
        null().label("stands"),
        levels.c.level,
        *(levels.c[name] for name in ("basis", "by", "because")),
        levels.c.granted_at.label("at"),
        levels.c.until,
        literal(2).label("kind"),
        levels.c.grant_id.label("number"),
    )
    if agent:
        moved, granted = moved.where(class_moves.c.agent == agent), granted.where(levels.c.agent == agent)
    both = union_all(moved, granted).subquery()
    order = (both.c.at.desc(), both.c.kind.desc(), both.c.number.desc())
    rows = tx.all(select(both).order_by(*order).offset(first).limit(most))
    return [Trusted(**{name: row[name] for name in Trusted.__slots__}) for row in rows]
