"""The ledger: who is halted now, who was, and does the latch still bite? `reserve` asks here in its own transaction.

A halt that has committed is before every later `reserve`, so no effect begins after it, on any machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, RowMapping, and_, bindparam, or_, select, update

from midwatch.errors import Halted, LedgerError
from midwatch.halt import NAME, Halt, Target
from midwatch.ledger.tables import halt_checks, halts, runs
from midwatch.ledger.transaction import Read, Write, reads, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltRow:
    """One halt, in force or lifted."""

    halt_id: int
    halt: Halt
    lifted_at: datetime | None
    lifted_by: str | None
    lifted_via: str | None
    lifted_because: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HaltCheck:
    """What one self-test of the latch has seen."""

    at: datetime
    held: bool
    detail: str
    """One clause for a person."""


@writes()
def halt(tx: Write, target: Target, *, by: str, via: str, because: str) -> Halt:
    """Set the latch: from this commit on no effect of what it covers begins. One that is set already stands as it was.

    Raises:
        LedgerError: who or why is missing.
    """
    if not by.strip() or not because.strip():
        raise LedgerError(f"who halts {target.words()}, and why? One of them is empty")
    if (standing := tx.first(_IN_FORCE.where(_same(target)))) is not None:
        return _row(standing).halt
    set_now = Halt(scope=target.scope, name=target.name, by=by, via=via, because=because, at=tx.at)
    row = tx.insert(halts, **set_now.model_dump())
    tx.journal("halted", _run_of(tx, target), halt_id=row["halt_id"], **set_now.model_dump(exclude={"at"}))
    return set_now


@writes()
def lift_halt(tx: Write, target: Target, *, by: str, via: str, because: str) -> Halt | None:
    """Lift the latch of exactly this target; None where none is set. What it covers may be halted otherwise.

    Raises:
        LedgerError: who or why is missing.
    """
    if not by.strip() or not because.strip():
        raise LedgerError(f"who lifts the halt of {target.words()}, and why? One of them is empty")
    return lifted(tx, target, by=by, via=via, because=because)


def lifted(tx: Write, target: Target, *, by: str, via: str, because: str) -> Halt | None:
    """`lift_halt` as a part of a larger transaction."""
    row = tx.first(_IN_FORCE.where(_same(target)))
    if row is None:
        return None
    ended = {"lifted_at": tx.at, "lifted_by": by, "lifted_via": via, "lifted_because": because}
    tx.changed(update(halts).where(halts.c.halt_id == row["halt_id"]).values(**ended))
    tx.journal("halt_lifted", _run_of(tx, target), halt_id=row["halt_id"], by=by, via=via, because=because)
    return _row(row).halt


def refuse_if_halted(tx: Read, agent: str, run_id: str) -> None:
    """For a transaction in which an effect begins.

    Raises:
        Halted: a halt is in force that covers this run.
    """
    if (halt := covering(tx, agent, run_id)) is not None:
        raise Halted(halt.words())


@reads
def halt_of(tx: Read, agent: str, run_id: str) -> Halt | None:
    """The halt that covers this run, the widest first; None where it may work."""
    return covering(tx, agent, run_id)


def covering(tx: Read, agent: str, run_id: str) -> Halt | None:
    """`halt_of` within a transaction."""
    row = tx.connection.execute(_COVERING, {"agent": agent, "run_id": run_id}).mappings().first()
    return None if row is None else _row(row).halt


@reads
def halts_in_force(tx: Read) -> list[Halt]:
    """Every latch that is set, the first one first."""
    return [_row(row).halt for row in tx.all(_IN_FORCE.order_by(halts.c.halt_id))]


@reads
def halts_since(tx: Read, since: datetime | None = None, *, limit: int = 100) -> list[HaltRow]:
    """The latest halts, newest first, lifted or not; only those that were in force at `since` or later."""
    query = select(halts).order_by(halts.c.halt_id.desc()).limit(limit)
    if since is not None:
        query = query.where(or_(halts.c.lifted_at.is_(None), halts.c.lifted_at >= since))
    return [_row(row) for row in tx.all(query)]


@writes()
def record_halt_check(tx: Write, *, held: bool, detail: str) -> HaltCheck:
    """Enter what a self-test of the latch has seen."""
    tx.insert(halt_checks, at=tx.at, held=held, detail=detail)
    tx.journal("halt_checked", None, held=held, detail=detail)
    return HaltCheck(at=tx.at, held=held, detail=detail)


@reads
def latest_halt_check(tx: Read, *, held: bool | None = None) -> HaltCheck | None:
    """The last self-test; with `held` the last one that came out so."""
    columns = (halt_checks.c.at, halt_checks.c.held, halt_checks.c.detail)
    query = select(*columns).order_by(halt_checks.c.check_id.desc()).limit(1)
    row = tx.first(query if held is None else query.where(halt_checks.c.held == held))
    return None if row is None else HaltCheck(**row)


def target_of(run_id: str) -> Target | None:
    """The run as a target of its own; None where its id is one that nobody can halt by."""
    return Target("run", run_id) if NAME.fullmatch(run_id) else None


def _same(target: Target) -> ColumnElement[bool]:
    return and_(halts.c.scope == target.scope, halts.c.name == target.name)


def _run_of(tx: Read, target: Target) -> str | None:
    """For the journal, whose rows belong to runs that are there."""
    if target.scope != "run":
        return None
    return target.name if tx.at_key(runs, {"run_id": target.name}) else None


def _row(row: RowMapping) -> HaltRow:
    facts = dict(row)
    said = {name: facts.pop(name) for name in ("scope", "name", "by", "via", "because", "at")}
    # As it stands: a halt that does not fit the model any more is one all the same.
    return HaltRow(halt=Halt.model_construct(**said), **facts)


_IN_FORCE: Final = select(halts).where(halts.c.lifted_at.is_(None))
_COVERING: Final = _IN_FORCE.where(
    or_(
        halts.c.scope == "all",
        and_(halts.c.scope == "agent", halts.c.name == bindparam("agent")),
        and_(halts.c.scope == "run", halts.c.name == bindparam("run_id")),
    )
).order_by(halts.c.halt_id)
"""Asked before every effect: built once."""
