"""The ledger: what is a past run charged with? Whenever it is found; what is major takes trust back at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import select

from midwatch.approval import is_person
from midwatch.errors import LedgerError
from midwatch.ledger import falls
from midwatch.ledger.levels import BY
from midwatch.ledger.tables import asks, decisions, effects, incidents
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.run_ids import short

IncidentSeverity = Literal["minor", "major"]

_GATES: Final = ("/gate/", "/gate-approved/", "/gate-again/")
"""Where the position of a decision differs from the id of its call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRow:
    incident_id: int
    agent: str
    run_id: str
    call_id: str | None
    """None: all of the run."""
    rule: str | None
    """The class of the call."""
    severity: IncidentSeverity
    by: str
    via: str
    because: str
    at: datetime


@writes()
def report_incident(
    tx: Write, run_id: str, *, severity: IncidentSeverity, by: str, via: str, because: str, call_id: str | None = None
) -> IncidentRow:
    """Charge a run, or one call of it.

    Raises:
        LedgerError: no such run or call, no person, no reason.
    """
    agent = tx.agent_of(run_id)
    if not is_person(by, agent) or not because.strip():
        raise LedgerError(f"who reports an incident of run {run_id!r}, and what happened? A person says both")
    return charge(tx, run_id, call_id, severity, by=by, via=via, because=because)


def charge(
    tx: Write,
    run_id: str,
    call_id: str | None,
    severity: IncidentSeverity,
    *,
    because: str,
    by: str = BY,
    via: str = "run",
) -> IncidentRow:
    """`report_incident` as a part of a larger transaction."""
    agent = tx.agent_of(run_id)
    rule = None if call_id is None else rule_of(tx, run_id, call_id)
    said = {"severity": severity, "by": by, "via": via, "because": because}
    row = tx.insert(incidents, agent=agent, run_id=run_id, call_id=call_id, rule=rule, at=tx.at, **said)
    facts = {"incident_id": row["incident_id"], "agent": agent, "call_id": call_id, "rule": rule, **said}
    tx.journal("incident", run_id, **facts)
    if severity == "major":
        why = f"a major incident of run {short(run_id)} ({by}: {because})"
        falls.classes_fall(tx, agent, [rule] if rule else rules_acted(tx, run_id), why)
        falls.run_counts_against(tx, agent, why)
    return IncidentRow(**row)


def doubted(tx: Write, run_id: str, call_id: str) -> None:
    """Nobody saw the end of an effect: a major error of its class, whatever is found out later."""
    if _known_rules(tx, run_id, [call_id]):
        charge(tx, run_id, call_id, "major", because="nobody saw whether it happened")


@reads
def incidents_of(tx: Read, agent: str) -> list[IncidentRow]:
    """Everything that its runs are charged with, newest first."""
    query = select(incidents).where(incidents.c.agent == agent).order_by(incidents.c.incident_id.desc())
    return [IncidentRow(**row) for row in tx.all(query)]


def rule_of(tx: Read, run_id: str, call_id: str) -> str:
    """The rule that decided about a call: by which a person was asked, or which let it go unasked.

    Raises:
        LedgerError: the run has no such call.
    """
    asked = (asks.c.run_id == run_id, asks.c.call_id == call_id, asks.c.kind == "approve", asks.c.planted == "")
    if (row := tx.first(select(asks.c.rule).where(*asked))) is not None:
        return str(row["rule"])
    made = tx.all(select(decisions.c.position, decisions.c.rule).where(decisions.c.run_id == run_id))
    found = next((str(row["rule"]) for row in made if call_id in _calls(row["position"])), None)
    if found is None:
        raise LedgerError(f"run {short(run_id)} has no call {call_id!r}; `midwatch show {short(run_id)}` lists them")
    return found


def rules_acted(tx: Read, run_id: str) -> set[str]:
    """The classes that did something in a run."""
    began = tx.all(select(effects.c.call_id).where(effects.c.run_id == run_id, effects.c.state != "released"))
    return {rule for row in began for rule in _known_rules(tx, run_id, [row["call_id"]])}


def _known_rules(tx: Read, run_id: str, call_ids: Iterable[str]) -> set[str]:
    found: set[str] = set()
    for call_id in call_ids:
        try:
            found.add(rule_of(tx, run_id, call_id))
        except LedgerError:
            continue  # an effect that nothing was decided about: of no class
    return found


def _calls(position: str) -> set[str]:
    return {position.replace(gate, "/", 1) for gate in _GATES if gate in position}
