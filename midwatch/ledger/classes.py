"""The ledger: which classes of an agent's actions go unasked? A class is the agent and the rule that asks.

As with levels, the latest row of a class counts, and only where the journal bears it out; in doubt it asks.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import select

from midwatch.ladder import p0_of
from midwatch.ledger.journal import Link
from midwatch.ledger.levels import BY, Basis, is_signed, standing
from midwatch.ledger.tables import class_moves
from midwatch.ledger.transaction import Read, Write, reads
from midwatch.ledger.witness import entries, facts_of, says_so, sign, whole
from midwatch.risk import RISKS, WORST, Risk
from midwatch.run import Level

Stands = Literal["ask", "allow"]
PARTS: Final = " + "
"""Between the rules that together decided about one call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassMove:
    """A class that was put somewhere."""

    move_id: int
    agent: str
    rule: str
    stands: Stands
    basis: Basis
    fingerprint: str
    """Whose evidence it is about: it holds for no other."""
    by: str
    via: str
    because: str
    evidence_json: str
    """What was known when it was moved."""
    at: datetime
    until: datetime | None
    """None: until the next."""

    def is_of(self, risk: Risk) -> bool:
        """Whether it speaks of calls of such a risk. What was earned is about the risk that was asked about, and no other that
        asks for more; an override is a person's word about whatever the rule covers.
        """
        if self.basis != "earned":
            return True
        wanted, shown = p0_of(risk), p0_of(self._risk)
        return wanted is not None and shown is not None and wanted >= shown

    @property
    def _risk(self) -> Risk:
        said = json.loads(self.evidence_json).get("risk")
        return next((risk for risk in RISKS if risk == said), WORST)

    @property
    def words(self) -> str:
        """On what it stands, for whoever wonders why nobody was asked."""
        day = f"{self.at:%Y-%m-%d}"
        if self.basis == "earned":
            return f"earned on {day}, promoted by {self.by}"
        ends = f" until {self.until:%Y-%m-%d %H:%M} UTC" if self.until else ""
        return f"by an override of {self.by} on {day}{ends} ({self.because})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """What an agent is trusted with at a moment, as far as the journal bears it out."""

    level: Level
    is_wide: bool
    """What its own rules allow goes unasked, earned or not (`LevelStanding.is_wide`)."""
    allowed: Mapping[str, ClassMove] = field(default_factory=dict)
    """By rule, the classes that go unasked."""

    def about(self, risk: Risk) -> Trust:
        """What of it holds for a call of such a risk."""
        return replace(self, allowed={rule: move for rule, move in self.allowed.items() if move.is_of(risk)})

    def allows(self, rule: str) -> tuple[ClassMove, ...]:
        """What lets a call of this rule go unasked: its class, or those of all rules that decided together; else nothing."""
        if rule in self.allowed:
            return (self.allowed[rule],)
        parts = rule.split(PARTS)
        return tuple(self.allowed[part] for part in parts) if all(part in self.allowed for part in parts) else ()


@reads
def trust_in(tx: Read, agent: str, fingerprint: str, now: datetime) -> Trust:
    """What the agent may do unasked, with this fingerprint. Asked before every effect."""
    level = standing(tx, agent, now)
    if level.level < 4:
        return Trust(level=level.level, is_wide=False)
    return Trust(level=level.level, is_wide=level.is_wide, allowed=allowed(tx, agent, fingerprint, now))


@reads
def classes_allowed(tx: Read, agent: str, fingerprint: str, now: datetime) -> dict[str, ClassMove]:
    """The classes that go unasked at level 4 and above, by rule."""
    return allowed(tx, agent, fingerprint, now)


def allowed(tx: Read, agent: str, fingerprint: str, now: datetime) -> dict[str, ClassMove]:
    """The classes that go unasked, by rule: a person has said so of each."""
    found = [move for move in latest(tx, agent).values() if is_signed(agent, move.basis, move.by)]
    return {
        move.rule: move
        for move in found
        if move.stands == "allow" and move.fingerprint == fingerprint and (move.until is None or now < move.until)
    }


def latest(tx: Read, agent: str) -> dict[str, ClassMove]:
    """The latest move of each class, by rule; without those that the journal does not bear out."""
    rows = {row["rule"]: row for row in tx.all(_of(agent))}
    last: dict[str, tuple[Link, dict[str, Any]]] = {}
    for link, body in entries(tx, "class_moved", agent):
        last.setdefault(str(body.get("rule")), (link, body))
    said = {
        rule: link
        for rule, (link, body) in last.items()
        if (row := rows.get(rule)) is not None and says_so(link, body, facts_of(row, "at"), row["at"])
    }
    sound = whole(tx, list(said.values()))
    return {rule: ClassMove(**rows[rule]) for rule, link in said.items() if link.seq in sound}


def move_class(
    tx: Write,
    agent: str,
    rule: str,
    stands: Stands,
    *,
    basis: Basis,
    fingerprint: str,
    because: str,
    by: str = BY,
    via: str = "ledger",
    evidence_json: str = "{}",
    until: datetime | None = None,
) -> ClassMove:
    """Put a class somewhere, within a transaction that knows why."""
    said = {"by": by, "via": via, "because": because, "evidence_json": evidence_json, "until": until}
    place = {"agent": agent, "rule": rule, "stands": stands, "basis": basis, "fingerprint": fingerprint}
    row = tx.insert(class_moves, at=tx.at, **place, **said)
    sign(tx, "class_moved", facts_of(row, "at"))
    return ClassMove(**row)


@reads
def moves_of(tx: Read, agent: str) -> list[ClassMove]:
    """Every move of its classes, newest first: overrides and falls stay to be seen for ever."""
    return [ClassMove(**row) for row in reversed(tx.all(_of(agent)))]


def _of(agent: str) -> Any:
    return select(class_moves).where(class_moves.c.agent == agent).order_by(class_moves.c.move_id)
