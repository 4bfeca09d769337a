"""The ledger: has this effect happened? `reserve -> execute with the idempotency key -> consume`, so that it does once.

    reserve ──> reserved ── consume ──────────> consumed
                 │    │                           ^
          release│    │mark_unknown               │ consume: a person or the probe says that it happened
                 v    v                           │
             released  unknown ───────────────────┘
                 ^        │
                 └────────┘ release: it did not happen, so it may be tried again (reserve makes it `reserved` once more)

Every arrow is one UPDATE whose WHERE names the states that it may leave. Into `unknown` a person is asked, out of it the
question is answered, in the same transaction (`doubts.py`).
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, assert_never

from sqlalchemy import RowMapping, or_, select, update

from midwatch.errors import LedgerError
from midwatch.ledger import budgets, decisions, doubts, draws, halts, incidents
from midwatch.ledger.columns import storable
from midwatch.ledger.decisions import Decided
from midwatch.ledger.doubts import BY_THE_RUN, Testimony
from midwatch.ledger.grant import spend
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import effects
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.window import Draw

EffectState = Literal["reserved", "consumed", "released", "unknown"]
ReservationState = Literal["reserved", "consumed", "in_doubt"]
"""What the caller of `reserve` does next.

reserved  it is yours, made now: execute, then consume
consumed  it has happened: take the result, do not execute
in_doubt  it was reserved before and nobody saw its end: probe or ask, then consume, release or mark unknown
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    effect_id: int
    run_id: str
    call_id: str
    digest: str
    tool: str
    args_json: str
    idempotency_key: str
    ask_id: str | None
    """The ask whose yes it stands on."""
    state: EffectState
    attempts: int
    """How often it was reserved: 1, and one more for every release that was followed by another try."""
    result_json: str | None
    why: str
    """What `mark_unknown` said; empty otherwise."""
    reserved_at: datetime
    settled_at: datetime | None
    undo: str
    """How a person takes it back, as the tool says; empty where it says nothing. Never run by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reservation:
    state: ReservationState
    effect_id: int
    idempotency_key: str
    result_json: str | None = None
    """With `consumed`."""
    why: str = ""
    """With `in_doubt`: what is known already, when an earlier life could not find out either."""


@writes()
def reserve(
    tx: Write,
    run_id: str,
    call_id: str,
    *,
    digest: str,
    tool: str,
    args_json: str,
    idempotency_key: str,
    ask_id: str | None = None,
    decided: Decided | None = None,
    taken: Sequence[Draw] = (),
) -> Reservation:
    """Ask for the right to execute one call of a run; exactly one caller ever gets `reserved` for one attempt.

    Args:
        call_id: unique within the run, and the same when the run is replayed (with `for_each`: the item is part of it).
        ask_id: the approval that this call stands on; it is spent in the same transaction, for this effect alone.
        decided: the gate's answer, entered in the same transaction.
        taken: what it draws from the budgets of its rules, in the same transaction; given back when it is released.

    Raises:
        LedgerError: the run has ended or is a rehearsal, another call stands under this id, or the approval is not good
            for this call.
        WindowFull: it does not fit into a budget any more.
        BudgetSpent: the run, one above it, the day or the house has no effect left; nothing is kept of the call.
        Halted: a halt is in force, which covers the run.
    """
    run = tx.run(run_id)
    if (ended := run["outcome"]) is not None:
        raise LedgerError(f"run {run_id!r} ended as {ended!r}; no effect may start in it")
    if run["shadow"]:
        raise LedgerError(f"run {run_id!r} is a rehearsal; it stages effects, and none may start in it")
    halts.refuse_if_halted(tx, run["agent"], run_id)
    if decided is not None:
        decisions.enter(tx, run_id, decided)
    facts = {"digest": digest, "tool": tool, "idempotency_key": idempotency_key, "ask_id": ask_id}
    first = {"state": "reserved", "attempts": 1, "why": "", "reserved_at": tx.at, "args_json": args_json}
    row, new = tx.enter(effects, {"run_id": run_id, "call_id": call_id}, **facts, **first)
    if not new:
        return _again(tx, _same_call(row, digest), taken)
    budgets.begin_effect(tx, run_id, run["agent"])
    if ask_id is not None:
        spend(tx, ask_id, run_id, call_id, digest)
    draws.enter(tx, run_id, call_id, taken)
    tx.journal(
        "effect_reserved", run_id, effect_id=row["effect_id"], call_id=call_id, args_sha256=sha256(args_json), **facts
    )
    return _reservation(row, "reserved")


@writes(durable=False)
def consume(tx: Write, effect_id: int, result_json: str, undo: str = "") -> None:
    """It happened, with this result. The same again changes nothing; another result is refused.

    Lost in a power loss, it leaves the effect in doubt, which is asked about; a lost `reserve` would let it happen twice.
    """
    consumed(tx, effect_id, result_json, undo)


def consumed(tx: Write, effect_id: int, result_json: str, undo: str = "", *, did_nothing: bool = False) -> None:
    """`consume` as a part of a larger transaction.

    Args:
        did_nothing: its tool failed and certainly changed nothing; what it drew is given back.
    """
    row = _effect(tx, effect_id)
    if row["state"] == "consumed" and row["result_json"] == storable(result_json):
        return
    move(tx, row, "consumed", result_json=result_json, undo=undo)
    if did_nothing:
        draws.give_back(tx, row["run_id"], row["call_id"])


@writes()
def release(tx: Write, effect_id: int) -> None:
    """It did not happen (the probe says so): it may be tried again."""
    row = _effect(tx, effect_id)
    if row["state"] != "released":
        move(tx, row, "released")


@writes()
def mark_unknown(tx: Write, effect_id: int, why: str, undo: str = "") -> None:
    """Nobody can tell whether it happened: a person is asked, once. It is not tried again; the first `why` stays.

    Args:
        undo: how a person takes it back, should it have happened.
    """
    row = _effect(tx, effect_id)
    if row["state"] != "unknown":
        move(tx, row, "unknown", why=why, undo=undo)


@reads
def effects_of(tx: Read, run_id: str, *, after: int = 0, again: Collection[int] = ()) -> list[EffectRow]:
    """The effects of a run, in the order in which they were first reserved.

    Args:
        after: none up to this number, for whoever has seen those,
        again: but these.
    """
    query = select(effects).where(effects.c.run_id == run_id).order_by(effects.c.effect_id)
    if after:
        query = query.where(or_(effects.c.effect_id > after, effects.c.effect_id.in_(sorted(again))))
    return [EffectRow(**row) for row in tx.all(query)]


def _again(tx: Write, row: RowMapping, taken: Sequence[Draw]) -> Reservation:
    state: EffectState = row["state"]
    match state:
        case "consumed":
            return _reservation(row, "consumed")
        case "reserved" | "unknown":
            return _reservation(row, "in_doubt")
        case "released":
            attempts = row["attempts"] + 1
            move(tx, row, "reserved", attempts=attempts, reserved_at=tx.at)
            draws.enter(tx, row["run_id"], row["call_id"], taken)
            return _reservation(row, "reserved")
        case _:
            assert_never(state)


def _leaving(state: EffectState) -> tuple[EffectState, ...]:
    """The states that an effect may come from."""
    match state:
        case "reserved":
            return ("released",)
        case "consumed" | "released":
            return ("reserved", "unknown")
        case "unknown":
            return ("reserved",)
        case _:
            assert_never(state)


def move(
    tx: Write, row: RowMapping, state: EffectState, said: Testimony = BY_THE_RUN, /, **values: str | int | datetime
) -> None:
    """One arrow of the module's drawing, as a part of a larger transaction; `said` counts where it leaves `unknown`."""
    settled_at = None if state == "reserved" else tx.at
    allowed = update(effects).where(effects.c.effect_id == row["effect_id"], effects.c.state.in_(_leaving(state)))
    if not tx.changed(allowed.values(state=state, settled_at=settled_at, **{"why": "", **values})):
        raise LedgerError(f"effect {row['effect_id']} ({row['tool']}) is {row['state']}; it cannot become {state}")
    facts = {f"{name}_sha256": sha256(str(values[name])) for name in ("result_json", "why") if values.get(name)}
    facts["undo_sha256"] = sha256(str(values.get("undo", row["undo"])))
    tx.journal(f"effect_{state}", row["run_id"], effect_id=row["effect_id"], before=row["state"], **facts)
    if state == "released":
        draws.give_back(tx, row["run_id"], row["call_id"])
    if state == "unknown":
        doubts.ask_about(tx, row, str(values["why"]))
        incidents.doubted(tx, row["run_id"], row["call_id"])
    elif row["state"] == "unknown":
        doubts.close(tx, row, "happened" if state == "consumed" else "did_not_happen", said)


def _effect(tx: Write, effect_id: int) -> RowMapping:
    row = tx.first(select(effects).where(effects.c.effect_id == effect_id))
    if row is None:
        raise LedgerError(f"no effect {effect_id!r} in the ledger; `reserve` gives the number")
    return row


def _same_call(row: RowMapping, digest: str) -> RowMapping:
    if row["digest"] != digest:
        raise LedgerError(
            f"call {row['call_id']!r} of run {row['run_id']!r} was reserved as {row['tool']!r}, digest {row['digest'][:12]}; "
            f"{digest[:12]} is another call and needs an id of its own"
        )
    return row


def _reservation(row: RowMapping, state: ReservationState) -> Reservation:
    return Reservation(
        state=state,
        effect_id=row["effect_id"],
        idempotency_key=row["idempotency_key"],
        result_json=row["result_json"],
        why=row["why"],
    )
