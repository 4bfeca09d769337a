"""The ledger: what became of each slot? An agent's scheduled instant or event is claimed by one run, or closed, once.

A slot that is closed cannot be claimed, and one that is claimed cannot be closed: each is one transaction on one row.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, Update, bindparam, select, update

from midwatch.ledger.tables import runs, slot_watches, slots
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.outcome import Outcome
from midwatch.slots import OPEN, Account, Around, Decided, SlotState, SlotWhy, Stopped, decide, slot_name
from midwatch.triggers import SchedulePolicy


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotRow:
    agent: str
    slot: str
    run_id: str
    """Empty until a run has claimed it."""
    claimed_at: datetime | None
    instant: datetime | None
    """None where it is an event's or a person's."""
    state: SlotState
    why: SlotWhy
    reason: str
    outcome: Outcome | None = None
    """Of its run, once that has ended; `slots_between` alone looks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SlotClaim:
    won: bool
    holder: str
    """The run that has the slot; empty where it was closed without one."""
    state: SlotState
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """The slots of one agent between two looks."""

    since: datetime | None
    """The look before; None at the first."""
    until: datetime
    instants: tuple[datetime, ...] = ()
    held: tuple[datetime, ...] = ()
    """Those that a breaker holds off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Accounting:
    """What one look has found."""

    changed: tuple[Account, ...]
    waiting: tuple[Account, ...]
    """Whose run is still to begin."""
    replaces: str | None
    """The run that is to be halted."""


@writes()
def claim_slot(tx: Write, agent: str, slot: str, run_id: str, instant: datetime | None = None) -> SlotClaim:
    """Take the slot for `run_id`. The holder wins again as often as it comes back; anybody else loses."""
    key = {"agent": agent, "slot": slot}
    claimed = {"run_id": run_id, "claimed_at": tx.at}
    row, new = tx.enter(slots, key, **claimed, instant=instant, state="ran", why="", reason="")
    if not new and row["state"] in OPEN:
        state = "caught_up" if row["state"] == "late" else "ran"
        new = tx.changed(_this(agent, slot).values(**claimed, state=state))
        row = tx.row(slots, key)
    if new:
        tx.journal("slot_claimed", run_id, agent=agent, slot=slot, state=row["state"])
    return SlotClaim(won=row["run_id"] == run_id, holder=row["run_id"], state=row["state"], reason=row["reason"])


@writes(durable=False)
def account_slots(
    tx: Write, agent: str, due: Due, policy: SchedulePolicy, around: Around, held_by: Stopped | None = None
) -> Accounting | None:
    """Enter the slots that have come due, and decide about those whose run is still to begin.

    A look that a power loss takes away is made again: what it decided has not been done for anybody, and a claim is durable.

    Returns:
        None where somebody else has looked since `due.since`: look again.
    """
    if _looked(tx, agent) != due.since:
        return None
    for instant in due.instants:
        _enter(tx, agent, Account(instant=instant))
    held = [Account(instant=instant, state="skipped", why="breaker", reason=_held(held_by)) for instant in due.held]
    held = [account for account in held if _enter(tx, agent, account)]
    waiting = [_account(row) for row in tx.all(_WAITING.params(agent=agent))]
    decided = decide(agent, policy, waiting, around)
    for account in decided.changed:
        _change(tx, agent, account)
    _look(tx, agent, due)
    changed = (*held, *decided.changed)
    if changed or due.instants:
        tx.journal("slots_accounted", None, agent=agent, due=len(due.instants), slots=[_said(one) for one in changed])
    return Accounting(changed=changed, waiting=_still(waiting, decided), replaces=decided.replaces)


@writes()
def close_slot(tx: Write, agent: str, account: Account, run_id: str = "") -> bool:
    """Close a slot whose run is still to begin, as `account` says; was it one?"""
    row = tx.at_key(slots, {"agent": agent, "slot": slot_name(account.instant)})
    if row is None or row["state"] not in OPEN:
        return False
    _change(tx, agent, account, run_id=run_id)
    tx.journal("slot_closed", None, agent=agent, slots=[_said(account)], by=run_id)
    return True


@writes()
def refuse_slot(tx: Write, agent: str, slot: str, run_id: str, stopped: Stopped) -> bool:
    """The run that holds the slot did not begin its work, and why; was it the holder?"""
    mine = _this(agent, slot).where(slots.c.run_id == run_id, slots.c.state.in_(("ran", "caught_up")))
    if not tx.changed(mine.values(state="skipped", why=stopped.why, reason=stopped.reason)):
        return False
    tx.journal("slot_refused", run_id, agent=agent, slot=slot, why=stopped.why, reason=stopped.reason)
    return True


@reads
def slot_looked(tx: Read, agent: str) -> datetime | None:
    """Up to when every slot of the agent is accounted for."""
    return _looked(tx, agent)


@reads
def slot(tx: Read, agent: str, name: str) -> SlotRow | None:
    """One slot."""
    row = tx.at_key(slots, {"agent": agent, "slot": name})
    return None if row is None else SlotRow(**row)


@reads
def waiting_slots(tx: Read) -> dict[str, list[Account]]:
    """By agent, the slots whose run is still to begin, oldest first."""
    found: dict[str, list[Account]] = {}
    for row in tx.all(select(slots).where(slots.c.state.in_(OPEN)).order_by(slots.c.instant)):
        found.setdefault(row["agent"], []).append(_account(row))
    return found


@reads
def slots_between(tx: Read, agent: str, since: datetime, until: datetime) -> list[SlotRow]:
    """An agent's scheduled slots from `since` to before `until`, in order, and how their runs ended."""
    mine = (slots.c.agent == agent, slots.c.instant >= since, slots.c.instant < until)
    query = select(slots, runs.c.outcome).outerjoin(runs, runs.c.run_id == slots.c.run_id).where(*mine)
    return [SlotRow(**row) for row in tx.all(query.order_by(slots.c.instant))]


_WAITING: Final = (
    select(slots).where(slots.c.agent == bindparam("agent"), slots.c.state.in_(sorted(OPEN))).order_by(slots.c.instant)
)


def _looked(tx: Read, agent: str) -> datetime | None:
    row = tx.at_key(slot_watches, {"agent": agent})
    return None if row is None else row["until"]


def _look(tx: Write, agent: str, due: Due) -> None:
    """A look that finds nothing is no news for the journal."""
    if due.since is None:
        tx.insert(slot_watches, agent=agent, until=due.until)
    else:
        tx.changed(update(slot_watches).where(slot_watches.c.agent == agent).values(until=due.until))


def _enter(tx: Write, agent: str, account: Account) -> bool:
    key = {"agent": agent, "slot": slot_name(account.instant)}
    said = {"state": account.state, "why": account.why, "reason": account.reason}
    return tx.is_new(slots, key, run_id="", claimed_at=None, instant=account.instant, **said)


def _change(tx: Write, agent: str, account: Account, **values: object) -> None:
    said = {"state": account.state, "why": account.why, "reason": account.reason}
    tx.changed(_this(agent, slot_name(account.instant)).values(**said, **values))


def _this(agent: str, name: str) -> Update:
    return update(slots).where(slots.c.agent == agent, slots.c.slot == name)


def _account(row: RowMapping) -> Account:
    return Account(instant=row["instant"], state=row["state"], why=row["why"], reason=row["reason"])


def _still(waiting: Sequence[Account], decided: Decided) -> tuple[Account, ...]:
    after = {one.instant: one for one in (*waiting, *decided.changed)}
    return tuple(one for one in after.values() if one.state in OPEN)


def _said(account: Account) -> list[str]:
    return [slot_name(account.instant), account.state, account.why]


def _held(by: Stopped | None) -> str:
    return by.reason if by is not None else "its breaker had paused the deployment"
