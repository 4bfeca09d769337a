"""The ledger: how much is an agent trusted with? Granted by a person, with a reason; never by a file.

A row counts where the journal bears it out. One that it does not is as if it were not there, and while it is, nothing above 3
is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import RowMapping, select

from midwatch.approval import is_person
from midwatch.errors import LedgerError
from midwatch.ledger import halts
from midwatch.ledger.tables import breakers, levels
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.ledger.witness import bears_out, entries, facts_of, sign
from midwatch.run import Level, lowest

UNGRANTED: Final[Level] = 3
"""Where an agent stands that nobody has granted anything."""
BY: Final = "midwatch"
"""Who lowers a level by itself."""
OLDER: Final = frozenset({"grant_id", "agent", "level", "by", "because", "until"})
"""What was journaled of a grant before there was evidence."""
NOTHING: Final = f", so nothing above {UNGRANTED} counts; `midwatch verify` says more"
LOOKED_AT: Final = 3
"""Links: names that differ in case alone are found together."""

Basis = Literal["earned", "override", "fall", "person"]
"""Why something stands as it does.

earned    a person put it there, on evidence
override  a person put it there without, with a reason and for a while
fall      Midwatch took it back by itself
person    a person put it there, where no evidence is asked for
"""


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
    basis: Basis = "person"
    fingerprint: str | None = None
    """It holds for the agent as it then was; None: for whatever bears its name."""
    evidence_json: str = "{}"
    """What was known when it was given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelStanding:
    """Where an agent stands at a moment."""

    level: Level
    grant: LevelGrant | None
    """The latest; None where there is none, or none that the journal bears out."""
    doubt: str = ""
    """What is wrong with what the tables say; "" where the journal bears it out."""

    @property
    def is_wide(self) -> bool:
        """What the agent's own rules allow goes unasked, earned or not: a person has said so, for a while."""
        return self.level > UNGRANTED and self.grant is not None and self.grant.basis == "override"


@writes()
def grant_level(
    tx: Write,
    agent: str,
    level: Level,
    *,
    by: str,
    because: str,
    until: datetime | None = None,
    fingerprint: str | None = None,
) -> LevelGrant:
    """Put the agent on `level`, up or down; the latest row is the one that counts. Above 3 it is an override.

    Raises:
        LedgerError: who or why is missing, it would rise by nobody's hand, over a rung, or during a halt, or above 3 while its
            breaker is open or the tables are not what the journal holds.
    """
    if not by.strip() or not because.strip():
        raise LedgerError(f"a grant for {agent!r} names who gives it and why; one of them is empty")
    stands = standing(tx, agent, tx.at)
    if level > stands.level:
        _refuse_to_raise(agent, stands.level, level, by)
        refuse_if_halted(tx, agent)
    if level > max(stands.level, UNGRANTED):
        refuse_if_in_question(tx, agent, stands)
    basis: Basis = "override" if level > UNGRANTED else "person"
    return put_on(tx, agent, level, by=by, because=because, until=until, basis=basis, fingerprint=fingerprint)


def _refuse_to_raise(agent: str, stands: Level, level: Level, by: str) -> None:
    if not is_person(by, agent):
        raise LedgerError(f"a person raises {agent!r}, and {by!r} is none")
    if level > stands + 1:
        raise LedgerError(f"{agent} stands at level {stands}; no rung is skipped, so grant {stands + 1} first")


def refuse_if_halted(tx: Read, agent: str) -> None:
    """Nobody rises while they are halted. Raises LedgerError."""
    if (halt := halts.covering(tx, agent, "")) is not None:
        raise LedgerError(f"{halt.words()}; nobody is promoted meanwhile: `midwatch resume` first")


def refuse_if_in_question(tx: Read, agent: str, stands: LevelStanding) -> None:
    """Nor while its breaker is open, or on tables that somebody has changed. Raises LedgerError."""
    opened = tx.first(select(breakers.c.state).where(breakers.c.agent == agent, breakers.c.state != "closed"))
    if opened is not None:
        raise LedgerError(f"the breaker of {agent} is {opened['state']}; nobody is promoted meanwhile")
    if stands.doubt:
        raise LedgerError(f"{stands.doubt}. Nobody is promoted on such a ledger")


def put_on(
    tx: Write,
    agent: str,
    level: Level,
    *,
    by: str,
    because: str,
    until: datetime | None,
    basis: Basis,
    fingerprint: str | None = None,
    evidence_json: str = "{}",
) -> LevelGrant:
    """The grant, within a transaction."""
    said = {"by": by, "because": because, "until": until, "basis": basis, "fingerprint": fingerprint}
    row = tx.insert(levels, granted_at=tx.at, agent=agent, level=level, evidence_json=evidence_json, **said)
    sign(tx, "level_granted", facts_of(row, "granted_at"))
    return LevelGrant(**row)


def lowered(
    tx: Write,
    agent: str,
    stands: LevelStanding,
    *,
    because: str,
    to: Level | None = None,
    evidence_json: str = "{}",
) -> LevelGrant:
    """One rung down by itself, or down to `to`, and never below 3. What was granted until a day ends no later.

    Args:
        evidence_json: what is left of the evidence, where the agent's runs are the cause.
    """
    grant = stands.grant
    level = lowest(stands.level - 1) if to is None else to
    until, mark = (grant.until, grant.fingerprint) if grant is not None else (None, None)
    told: dict[str, Any] = {"basis": "fall", "fingerprint": mark, "evidence_json": evidence_json}
    return put_on(tx, agent, level, by=BY, because=because, until=until, **told)


@reads
def level_of(tx: Read, agent: str, now: datetime) -> Level:
    """The level that stands. When a grant runs out nobody rises: above 3 it is 3 again, below 3 it stays."""
    return standing(tx, agent, now).level


@reads
def level_standing(tx: Read, agent: str, now: datetime) -> LevelStanding:
    """`level_of`, and on what it stands."""
    return standing(tx, agent, now)


def standing(tx: Read, agent: str, now: datetime) -> LevelStanding:
    """`level_standing` within a transaction. Two questions, and one for the neighbours of the link."""
    row = tx.first(select(levels).where(levels.c.agent == agent).order_by(levels.c.grant_id.desc()).limit(1))
    link, body = next(entries(tx, "level_granted", agent, most=LOOKED_AT), (None, {}))
    if row is None and link is None:
        return LevelStanding(level=UNGRANTED, grant=None)
    if (
        row is None
        or link is None
        or not bears_out(tx, link, body, facts_of(row, "granted_at"), row["granted_at"], older=OLDER)
    ):
        said = body.get("level", UNGRANTED)
        level = lowest(UNGRANTED, said if said in (1, 2, 3) else UNGRANTED)
        return LevelStanding(level=level, grant=None, doubt=_doubt(row, body))
    grant = LevelGrant(**{**row, "basis": body.get("basis") or _older(row["level"])})
    if grant.level > UNGRANTED and not is_signed(agent, grant.basis, grant.by):
        doubt = f"grant {grant.grant_id} of level {grant.level} is by {grant.by!r}, who is no person{NOTHING}"
        return LevelStanding(level=UNGRANTED, grant=None, doubt=doubt)
    over = grant.until is not None and grant.until <= now
    return LevelStanding(level=lowest(grant.level, UNGRANTED) if over else grant.level, grant=grant)


@reads
def grants(tx: Read, agent: str | None = None) -> list[LevelGrant]:
    """Every grant, newest first; of one agent or of all."""
    query = select(levels).order_by(levels.c.grant_id.desc())
    return [LevelGrant(**row) for row in tx.all(query if agent is None else query.where(levels.c.agent == agent))]


def is_signed(agent: str, basis: Basis, by: str) -> bool:
    """Whether it is by whom it must be: what was taken back by Midwatch, all else by a person."""
    return by == BY if basis == "fall" else by != BY and is_person(by, agent)


def _older(level: Level) -> Basis:
    """Of a grant from before there was evidence."""
    return "override" if level > UNGRANTED else "person"


def _doubt(row: RowMapping | None, body: Mapping[str, Any]) -> str:
    if row is None:
        return f"the journal holds grant {body.get('grant_id')} of level {body.get('level')}, and its row is gone"
    which = f"grant {row['grant_id']} of level {row['level']}"
    return f"{which} is not what the journal holds{NOTHING}"
