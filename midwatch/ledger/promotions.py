"""The ledger: may this rise? A person promotes, one rung at a time, on evidence that the journal bears out as it is signed.

Without evidence it is an override: it needs a reason, it ends, and it stays in the record for ever.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Final

from midwatch.approval import is_person
from midwatch.errors import LedgerError
from midwatch.ledger import alarms, proposals
from midwatch.ledger.classes import PARTS, ClassMove, allowed, move_class
from midwatch.ledger.evidence import Record, as_told, record_of, runs_record_of
from midwatch.ledger.falls import FELL
from midwatch.ledger.footing import Footing, footing
from midwatch.ledger.levels import (
    UNGRANTED,
    Basis,
    LevelGrant,
    put_on,
    refuse_if_halted,
    refuse_if_in_question,
    standing,
)
from midwatch.ledger.transaction import Read, Store, Write
from midwatch.ledger.verify import Seen
from midwatch.run import Level

LONGEST: Final = timedelta(days=90)
"""Of an override."""
WRITTEN: Final = ("ask.", "allow.")
"""How the id of a rule begins that a person has written: only of such there is a class that can be allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """Who promotes, and why."""

    by: str
    via: str
    because: str
    until: datetime | None = None
    """Given: an override, which ends then and needs no evidence."""

    @property
    def is_override(self) -> bool:
        return self.until is not None


async def promote_class(
    store: Store,
    agent: str,
    rule: str,
    signed: Signature,
    *,
    fingerprint: str,
    ceiling: int,
    share: float = 0,
    seen: Seen = lambda _: None,
) -> ClassMove:
    """Let what this rule asks about go unasked. At level 3 the agent rises to 4, where nothing else goes unasked.

    Without an override it takes as long as `verify` first, in which others may write.

    Args:
        fingerprint: of the agent as it is now.
        ceiling: of its file.
        share: of its file (`inherit`).
        seen: hears how many more rows of the ledger were looked at.

    Raises:
        LedgerError: says what is missing, and what would supply it; or what of the evidence the journal does not bear out.
    """

    def count(tx: Read, at: datetime) -> Record:
        return record_of(tx, agent, rule, fingerprint, at, share=share)

    stands_on = None if signed.is_override else await footing(store, agent, count, seen)
    work = partial(_promote_class, agent=agent, rule=rule, signed=signed, fingerprint=fingerprint, ceiling=ceiling)
    return await store.write(partial(work, share=share, stands_on=stands_on), durable=True)


def _promote_class(
    tx: Write,
    *,
    agent: str,
    rule: str,
    signed: Signature,
    fingerprint: str,
    ceiling: int,
    share: float,
    stands_on: Footing | None,
) -> ClassMove:
    level = _may_rise(tx, agent, signed)
    if not is_written(rule):
        raise LedgerError(
            f"{rule!r} is no rule of its file: `midwatch rules suggest {agent}` words one that can earn it"
        )
    if ceiling < 4:
        raise LedgerError(f"{agent} has ceiling {ceiling} in its file, and nothing goes unasked below 4")
    if level < UNGRANTED:
        raise LedgerError(
            f"{agent} stands at level {level}; no rung is skipped: `midwatch grant {agent} {level + 1}` first"
        )
    record = record_of(tx, agent, rule, fingerprint, tx.at, share=share)
    for each in () if stands_on is None else (stands_on.still(tx), record):
        if not each.verdict.ready:
            raise LedgerError(_not_enough(f"{agent} has not earned {rule}", each))
    move = move_class(
        tx,
        agent,
        rule,
        "allow",
        basis="override" if signed.is_override else "earned",
        fingerprint=fingerprint,
        by=signed.by,
        via=signed.via,
        because=signed.because,
        until=signed.until,
        evidence_json=as_told(record),
    )
    if level == UNGRANTED:
        _to_four(tx, agent, signed, fingerprint)
    _settled(tx, agent, rule, signed.by)
    return move


async def promote_level(
    store: Store,
    agent: str,
    to: Level,
    signed: Signature,
    *,
    fingerprint: str,
    ceiling: int,
    missing: tuple[str, ...] = (),
    seen: Seen = lambda _: None,
) -> LevelGrant:
    """One rung up: to 4 where a class goes unasked, to 5 where the runs at level 4 have earned it.

    Without an override it takes as long as `verify` first, in which others may write.

    Args:
        missing: what else level 5 asks for and is not there, each with what would supply it.
        seen: hears how many more rows of the ledger were looked at.

    Raises:
        LedgerError: says what is missing, and what would supply it; or what of the evidence the journal does not bear out.
    """

    def count(tx: Read, at: datetime) -> Record:
        return runs_record_of(tx, agent, fingerprint, at)

    stands_on = None if signed.is_override else await footing(store, agent, count, seen)
    work = partial(_promote_level, agent=agent, to=to, signed=signed, fingerprint=fingerprint, ceiling=ceiling)
    return await store.write(partial(work, missing=missing, stands_on=stands_on), durable=True)


def _promote_level(
    tx: Write,
    *,
    agent: str,
    to: Level,
    signed: Signature,
    fingerprint: str,
    ceiling: int,
    missing: tuple[str, ...],
    stands_on: Footing | None,
) -> LevelGrant:
    level = _may_rise(tx, agent, signed)
    if to > ceiling:
        raise LedgerError(f"{agent} has ceiling {ceiling} in its file; level {to} is above it")
    if to != level + 1:
        raise LedgerError(f"{agent} stands at level {level}; no rung is skipped, and the next one is {level + 1}")
    if to <= UNGRANTED:
        raise LedgerError(f"level {to} needs no evidence: `midwatch grant {agent} {to} --because ...`")
    if stands_on is None:
        granted = _put_on(tx, agent, to, signed, "override", fingerprint, until=signed.until)
    else:
        before = stands_on.still(tx)
        granted = (
            _to_four(tx, agent, signed, fingerprint)
            if to == 4
            else _to_five(tx, agent, signed, fingerprint, before, missing)
        )
    _settled(tx, agent, None, signed.by)
    return granted


def is_written(rule: str) -> bool:
    """Whether a person has written it, or all of the rules that decided together."""
    return all(part.startswith(WRITTEN) for part in rule.split(PARTS))


def _may_rise(tx: Write, agent: str, signed: Signature) -> Level:
    """Where it stands, if it may rise at all."""
    if not is_person(signed.by, agent) or not signed.because.strip():
        raise LedgerError(f"who promotes {agent!r}, and why? A person says both")
    if signed.until is not None and not tx.at < signed.until <= tx.at + LONGEST:
        raise LedgerError(f"an override ends within {LONGEST.days} days")
    refuse_if_halted(tx, agent)
    stands = standing(tx, agent, tx.at)
    refuse_if_in_question(tx, agent, stands)
    return stands.level


def _to_four(tx: Write, agent: str, signed: Signature, fingerprint: str) -> LevelGrant:
    """Nothing goes unasked there but the classes that stand so."""
    open_now = allowed(tx, agent, fingerprint, tx.at)
    if not open_now:
        raise LedgerError(f"no class of {agent} goes unasked, so level 4 would change nothing: promote a class first")
    earned = [move for move in open_now.values() if move.basis == "earned"]
    until = None if earned else max(move.until or tx.at for move in open_now.values())
    told = json.dumps({"classes": sorted(move.move_id for move in open_now.values())})
    basis: Basis = "earned" if earned else "person"
    return _put_on(tx, agent, 4, signed, basis, fingerprint, until=until, evidence_json=told)


def _to_five(
    tx: Write, agent: str, signed: Signature, fingerprint: str, before: Record, missing: tuple[str, ...]
) -> LevelGrant:
    record = runs_record_of(tx, agent, fingerprint, tx.at)
    if lacking := (*(before.verdict.missing or record.verdict.missing), *missing):
        raise LedgerError(_listed(f"{agent} has not earned level 5", lacking))
    return _put_on(tx, agent, 5, signed, "earned", fingerprint, evidence_json=as_told(record))


def _put_on(
    tx: Write,
    agent: str,
    level: Level,
    signed: Signature,
    basis: Basis,
    fingerprint: str,
    *,
    until: datetime | None = None,
    evidence_json: str = "{}",
) -> LevelGrant:
    return put_on(
        tx,
        agent,
        level,
        by=signed.by,
        because=signed.because,
        until=until,
        basis=basis,
        fingerprint=fingerprint,
        evidence_json=evidence_json,
    )


def _settled(tx: Write, agent: str, rule: str | None, by: str) -> None:
    """What was proposed of it is done, and what was told of its fall is over."""
    proposals.accept(tx, agent, rule, by)
    for about in (rule or "level", "changed"):
        alarms.ended(tx, f"{FELL}{agent}:{about}", "a person promoted it")


def _not_enough(what: str, record: Record) -> str:
    slow = (record.verdict.too_slow,) if record.verdict.too_slow else ()
    return _listed(what, (*record.verdict.missing, *slow))


def _listed(what: str, missing: tuple[str, ...]) -> str:
    return (
        f"{what}: " + "; ".join(missing) + ". `--override --because ... --days N` does it without evidence, for a while"
    )
