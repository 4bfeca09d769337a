"""The ledger: what waits for a person, and what did the first who answered say?"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import RowMapping, select, update

from midwatch.approval import is_person
from midwatch.errors import LedgerError
from midwatch.ledger import falls
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import asks
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.run_ids import short

AskKind = Literal["approve", "answer", "settle", "park"]
"""May it run? What is the answer? Of an effect whose end nobody saw: did it happen? Of a run without a model: try again?"""
AskVerdict = Literal["approved", "denied", "edited", "answered", "expired", "taken_over", "happened", "did_not_happen"]
"""taken_over: a person goes on with the work, and the run ends."""

FITTING: Final[dict[AskKind, frozenset[AskVerdict]]] = {
    "approve": frozenset({"approved", "denied", "edited", "expired", "taken_over"}),
    "answer": frozenset({"answered", "denied", "expired", "taken_over"}),
    "settle": frozenset(),
    "park": frozenset({"approved", "denied", "expired", "taken_over"}),
}
"""Which verdicts `decide_ask` takes; a question of kind `settle` is answered together with its effect (`settle_effect`)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One question about exactly one call."""

    ask_id: str
    """The same when the run is replayed."""
    run_id: str
    call_id: str
    tool: str
    args_json: str
    digest: str
    kind: AskKind
    rule: str
    reason: str
    """Why the rule asks; of `settle`, why nobody knows."""
    words: str
    """What the model said about it, as it said it."""
    created_at: datetime
    deadline: datetime | None
    """From this moment on only `expired` is accepted. None: it waits until somebody answers, as `settle` does."""
    context_json: str = "{}"
    """An `AskContext`: what a person has to know besides."""
    planted: str = ""
    """What is wrong with it, where it only measures whether people look: no yes to it is good for anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AskRow(Ask):
    """A question as it stands in the ledger."""

    agent: str
    verdict: AskVerdict | None
    """None while it waits."""
    by: str | None
    via: str | None
    """The door through which the answer came: `cli`, `prefect-ui`, `keeper`; `run` where the run found out by itself."""
    decided_at: datetime | None
    decided_because: str | None
    edited_args_json: str | None
    answer: str | None
    granted_digest: str | None
    """The one call that a yes is good for: the one asked about, or the edited one."""
    spent_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class AskDecision:
    first: bool
    """False: somebody decided before; `row` says what stands."""
    row: AskRow


@writes()
def open_ask(tx: Write, ask: Ask) -> AskRow:
    """Enter a question; when it is there already, what stands is returned unchanged.

    Raises:
        LedgerError: another call stands under this ask's id.
    """
    return enter_ask(tx, ask)


def enter_ask(tx: Write, ask: Ask) -> AskRow:
    """`open_ask` as a part of a larger transaction."""
    agent = tx.run(ask.run_id)["agent"]
    facts = {name: value for name, value in asdict(ask).items() if name in Ask.__slots__}
    ask_id = facts.pop("ask_id")
    row, new = tx.enter(asks, {"ask_id": ask_id}, agent=agent, **facts)
    if not new:
        return _same_call(_ask_row(row), ask)
    long = ("args_json", "words", "context_json")
    sealed = {f"{name}_sha256": sha256(facts.pop(name)) for name in long}
    tx.journal("ask_opened", facts.pop("run_id"), ask_id=ask_id, agent=agent, **facts, **sealed)
    return _ask_row(row)


@writes()
def decide_ask(
    tx: Write,
    ask_id: str,
    verdict: AskVerdict,
    *,
    by: str,
    via: str,
    reason: str = "",
    digest_seen: str | None = None,
    edited_args_json: str | None = None,
    edited_digest: str | None = None,
    answer: str | None = None,
) -> AskDecision:
    """Answer a question. The first decision counts; whoever comes later is told what stands.

    Args:
        digest_seen: of the call that the person was shown; a yes without it, or to another call, is refused.
        edited_digest: with `edited`, of the call as it now is: the approval is good for that one only.

    Raises:
        LedgerError: no such ask, a verdict that does not fit it, or too late (`expired`: too early).
    """
    row = find_ask(tx, ask_id)
    if row.verdict is not None:
        return AskDecision(first=False, row=row)
    _check(row, verdict, tx.at, by, digest_seen, edited_args_json, edited_digest, answer)
    decided = {
        "verdict": verdict,
        "by": by,
        "via": via,
        "decided_because": reason,
        "edited_args_json": edited_args_json,
        "answer": answer,
        "granted_digest": None if row.planted else {"approved": row.digest, "edited": edited_digest}.get(verdict),
    }
    return enter_decision(tx, row, decided, digest_seen=digest_seen)


def enter_decision(tx: Write, row: AskRow, decided: dict[str, str | None], **journalled: object) -> AskDecision:
    """Write the columns `decided` of a question that waits, and journal them with the long texts as their SHA-256."""
    waiting = update(asks).where(asks.c.ask_id == row.ask_id, asks.c.verdict.is_(None))
    tx.changed(waiting.values(**decided, decided_at=tx.at))
    long = ("decided_because", "edited_args_json", "answer")
    sealed = {f"{name}_sha256": sha256(text) for name in long if (text := decided.get(name)) is not None}
    brief = {name: value for name, value in decided.items() if name not in long}
    tx.journal("ask_decided", row.run_id, ask_id=row.ask_id, **journalled, **brief, **sealed)
    if row.kind == "approve" and decided.get("verdict") == "denied" and not row.planted:
        falls.class_falls(tx, row.agent, row.rule, f"a person denied it in run {short(row.run_id)}")
    return AskDecision(first=True, row=find_ask(tx, row.ask_id))


@reads
def open_asks(tx: Read, agent: str | None = None) -> list[AskRow]:
    """What waits for a person, oldest first; of one agent or of all. Includes what is overdue."""
    query = select(asks).where(asks.c.verdict.is_(None)).order_by(asks.c.created_at, asks.c.ask_id)
    return [_ask_row(row) for row in tx.all(query if agent is None else query.where(asks.c.agent == agent))]


@reads
def overdue_asks(tx: Read, now: datetime) -> list[AskRow]:
    """What waits although its deadline has passed, the longest overdue first."""
    query = select(asks).where(asks.c.verdict.is_(None), asks.c.deadline <= now).order_by(asks.c.deadline)
    return [_ask_row(row) for row in tx.all(query)]


@reads
def asks_of(tx: Read, run_id: str) -> list[AskRow]:
    """Every question of a run, oldest first."""
    query = select(asks).where(asks.c.run_id == run_id).order_by(asks.c.created_at, asks.c.ask_id)
    return [_ask_row(row) for row in tx.all(query)]


@reads
def approvals_asked(tx: Read, agent: str, since: datetime) -> list[AskRow]:
    """Every question whether a call of `agent` may run: those since then, and all that were ever refused or changed.

    What was planted is no evidence of anything but of whether people look.
    """
    refused = asks.c.verdict.in_(("denied", "edited"))
    about = (asks.c.agent == agent, asks.c.kind == "approve", asks.c.planted == "")
    mine = select(asks).where(*about, refused | (asks.c.created_at >= since))
    return [_ask_row(row) for row in tx.all(mine.order_by(asks.c.created_at, asks.c.ask_id))]


@reads
def ask(tx: Read, ask_id: str) -> AskRow:
    """One question; an unknown one is a LedgerError."""
    return find_ask(tx, ask_id)


def _check(
    row: AskRow,
    verdict: AskVerdict,
    at: datetime,
    by: str,
    digest_seen: str | None,
    edited_args_json: str | None,
    edited_digest: str | None,
    answer: str | None,
) -> None:
    """Refuse what would let something run that nobody said yes to."""
    deadline = f"{row.deadline:%Y-%m-%d %H:%M:%S} UTC" if row.deadline else "somebody answers"
    passed = row.deadline is not None and at >= row.deadline
    instead = "; say what became of it: `midwatch settle`" if row.kind == "settle" else ""
    faults = {
        f"a question of kind {row.kind!r} cannot be {verdict}{instead}": verdict not in FITTING[row.kind],
        f"its deadline passed at {deadline}": verdict != "expired" and passed,
        f"it has until {deadline}": verdict == "expired" and not passed,
        "the call that was shown is not the call that waits; look at it again": digest_seen not in (None, row.digest),
        f"a yes is a person's, and {by!r} is none": row.kind == "approve"
        and verdict in ("approved", "edited")
        and not is_person(by, row.agent),
        "a yes says which call was seen (`digest_seen`)": verdict in ("approved", "edited") and digest_seen is None,
        "an edit needs the edited arguments and their digest": verdict == "edited"
        and None in (edited_args_json, edited_digest),
        "an answer is missing": verdict == "answered" and answer is None,
    }
    for fault, found in faults.items():
        if found:
            raise LedgerError(f"ask {row.ask_id!r} ({row.tool}) is not {verdict}: {fault}")


def _same_call(row: AskRow, ask: Ask) -> AskRow:
    if (row.run_id, row.digest) != (ask.run_id, ask.digest):
        raise LedgerError(f"ask {ask.ask_id!r} stands already, for another call ({row.tool}); give this one its own id")
    return row


def find_ask(tx: Read, ask_id: str) -> AskRow:
    """`ask` as a part of a larger transaction."""
    row = tx.first(select(asks).where(asks.c.ask_id == ask_id))
    if row is None:
        raise LedgerError(f"no ask {ask_id!r} in the ledger; `midwatch inbox` lists those that wait")
    return _ask_row(row)


def _ask_row(row: RowMapping) -> AskRow:
    return AskRow(**row)
