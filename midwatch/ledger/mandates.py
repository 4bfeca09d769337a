"""The ledger: which mandates has a person signed, what was drawn from them, and which stand?

Signed by a person alone, through one of the doors; no run has a way to. Nothing of it is ever changed but that it ends. Its
uses are draws (`draws.py`), taken in the transaction in which a call begins, and only while it stands.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import RowMapping, select, update

from midwatch.calls import canonical_json
from midwatch.errors import LedgerError
from midwatch.ledger.asks import find_ask
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import draws, mandates
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.mandate import Mandate, Terms, fault_of
from midwatch.window import exact_sum


@dataclass(frozen=True, slots=True, kw_only=True)
class MandateUse:
    """A mandate with what was drawn from it until now."""

    mandate: Mandate
    used: int
    drawn: Decimal
    """Of what it adds up; 0 where it only counts."""


@writes()
def grant_mandate(tx: Write, terms: Terms, *, by: str, via: str, because: str, ask_id: str | None = None) -> Mandate:
    """Sign a mandate. The one way into the ledger, whatever the door.

    Args:
        by: the person, as the door knows them.
        ask_id: the question that it was offered on; a person must have said yes to that.

    Raises:
        LedgerError: it has no end, no signer, no reason, or its question was not approved; nothing is granted.
    """
    fault = fault_of(terms, by=by, because=because, at=tx.at) or _fault_of_ask(tx, ask_id, terms.agent)
    if fault:
        raise LedgerError(f"no mandate for {terms.agent!r}: {fault}")
    facts: dict[str, Any] = {
        "agent": terms.agent,
        "rules_json": canonical_json(terms.rules),
        "tools_json": canonical_json(terms.tools),
        "uses": terms.uses,
        "summed": terms.summed,
        "most": None if terms.most is None else f"{terms.most:f}",
        "until": terms.until,
        "by": by,
        "via": via,
        "because": because,
        "ask_id": ask_id,
    }
    row = tx.insert(mandates, created_at=tx.at, **facts)
    sealed = {f"{name}_sha256": sha256(facts.pop(name)) for name in ("rules_json", "tools_json")}
    tx.journal("mandate_granted", None, mandate_id=row["mandate_id"], **facts, **sealed)
    return _mandate(row)


@writes()
def revoke_mandate(tx: Write, mandate_id: int, *, by: str, because: str) -> Mandate:
    """End a mandate now: it grants nothing from the next call on, in runs that are under way too.

    Raises:
        LedgerError: there is none, or who and why are missing. One that was revoked before stays as it was.
    """
    if not by.strip() or not because.strip():
        raise LedgerError(f"who revokes mandate {mandate_id}, and why? One of them is empty")
    standing = _find(tx, mandate_id)
    if standing.revoked_at is not None:
        raise LedgerError(f"mandate {mandate_id} was revoked by {standing.revoked_by}: {standing.revoked_because}")
    ended = {"revoked_at": tx.at, "revoked_by": by, "revoked_because": because}
    tx.changed(update(mandates).where(mandates.c.mandate_id == mandate_id).values(**ended))
    tx.journal("mandate_revoked", None, mandate_id=mandate_id, by=by, because=because)
    return _find(tx, mandate_id)


@reads
def mandates_in_force(tx: Read, agent: str, now: datetime) -> list[Mandate]:
    """Those of an agent that are neither revoked nor over, the first signed first; used up or not."""
    standing = (mandates.c.agent == agent, mandates.c.revoked_at.is_(None), mandates.c.until > now)
    query = select(mandates).where(*standing).order_by(mandates.c.mandate_id)
    return [_mandate(row) for row in tx.all(query)]


@reads
def mandates_of(tx: Read, agent: str | None = None) -> list[MandateUse]:
    """Every mandate, newest first, with what was drawn from it; of one agent or of all."""
    query = select(mandates).order_by(mandates.c.mandate_id.desc())
    rows = tx.all(query if agent is None else query.where(mandates.c.agent == agent))
    return [_use(tx, _mandate(row)) for row in rows]


def ended(tx: Read, mandate_id: int, agent: str, at: datetime) -> str:
    """Why nothing can be drawn from it for `agent` now; "" while it stands."""
    row = tx.at_key(mandates, {"mandate_id": mandate_id})
    return f"there is no mandate {mandate_id}" if row is None else _mandate(row).over(agent, at)


def _fault_of_ask(tx: Read, ask_id: str | None, agent: str) -> str:
    if ask_id is None:
        return ""
    ask = find_ask(tx, ask_id)
    if ask.agent != agent or ask.kind != "approve":
        return f"question {ask_id!r} is not one about a call of {agent}"
    if ask.planted:
        return f"question {ask_id!r} was planted, and nothing of it may ever run"
    if ask.verdict != "approved":
        return f"nobody said yes to question {ask_id!r}"
    first = tx.first(select(mandates.c.mandate_id).where(mandates.c.ask_id == ask_id))
    return f"mandate {first['mandate_id']} was signed on question {ask_id!r} already" if first else ""


def _use(tx: Read, mandate: Mandate) -> MandateUse:
    taken = [_drawn(tx, mandate.agent, rule) for rule in (mandate.rule, f"{mandate.rule}.sum")]
    return MandateUse(mandate=mandate, used=len(taken[0]), drawn=exact_sum(taken[1]))


def _drawn(tx: Read, agent: str, rule: str) -> list[Decimal]:
    query = select(draws.c.amount).where(draws.c.agent == agent, draws.c.rule == rule)
    return [Decimal(row["amount"]) for row in tx.all(query)]


def _find(tx: Read, mandate_id: int) -> Mandate:
    row = tx.at_key(mandates, {"mandate_id": mandate_id})
    if row is None:
        raise LedgerError(f"no mandate {mandate_id}; `midwatch mandate list --all` lists them")
    return _mandate(row)


def _mandate(row: RowMapping) -> Mandate:
    """What cannot be read says nothing, and so grants nothing."""
    facts = dict(row)
    said = tuple(facts.pop(name) for name in ("rules_json", "tools_json", "most"))
    try:
        rules, tools, most = _read(*said)
    except (ValueError, TypeError, ArithmeticError):
        rules, tools, most = (), {}, None
    return Mandate(rules=rules, tools=tools, most=most, **facts)


def _read(rules: str, tools: str, most: str | None) -> tuple[tuple[Any, ...], Mapping[str, str], Decimal | None]:
    """Numbers digit for digit."""
    return (
        tuple(json.loads(rules, parse_float=Decimal)),
        dict(json.loads(tools)),
        None if most is None else Decimal(most),
    )
