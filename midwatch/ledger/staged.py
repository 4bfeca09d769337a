"""The ledger: what would a rehearsal have done, and what became of each such call?

    staged ── a person's yes ──> approved ── its run has done it ──────────────> executed
      │  ^                          │ └───── it is not what it was any more ───> stale
      │  └── its run never got there┘
      └───── a person's no ──> refused

The run that executes what is approved takes it first (`carried.py`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlalchemy import RowMapping, func, select, update

from midwatch.approval import is_person
from midwatch.errors import LedgerError
from midwatch.ledger import decisions
from midwatch.ledger.asks import Ask
from midwatch.ledger.decisions import Decided
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import staged as table
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.risk import Risk

StagedState = Literal["staged", "approved", "executed", "refused", "stale"]

SETTLED: Final[frozenset[StagedState]] = frozenset({"executed", "refused", "stale"})
"""Nothing becomes of these any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Staged:
    """One call that was judged, and not executed."""

    run_id: str
    call_id: str
    position: str
    """Of the decision."""
    item: str | None
    """With `for_each`: the one that its conversation was about."""
    tool: str
    args_json: str
    bound: tuple[str, ...]
    """Names of the arguments that code filled in."""
    digest: str
    verdict: Literal["allow", "ask"]
    """What the gate would have done."""
    rule: str
    reason: str
    risk: Risk
    context_json: str
    """An `AskContext`: what a person has to know besides."""

    @property
    def conversation(self) -> str:
        return self.call_id.partition("/")[0]

    @property
    def tool_call_id(self) -> str:
        return self.call_id.partition("/")[2]

    def as_asked(self, ask_id: str, run_id: str, *, at: datetime, deadline: datetime | None) -> Ask:
        """The question that this call is, in any run: it lets a person see, and say yes to, exactly the same."""
        return Ask(
            ask_id=ask_id,
            run_id=run_id,
            call_id=self.call_id,
            tool=self.tool,
            args_json=self.args_json,
            digest=self.digest,
            kind="approve",
            rule=self.rule,
            reason=self.reason,
            words="",
            created_at=at,
            deadline=deadline,
            context_json=self.context_json,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StagedRow(Staged):
    """Such a call as it stands in the ledger."""

    staged_id: int
    at: datetime
    state: StagedState
    why: str
    """Of `stale`; or why it is `staged` again, or nobody knows what became of it."""
    round: int | None
    """The how many-th yes to calls of this run it was."""
    by: str | None
    via: str | None
    because: str | None
    decided_at: datetime | None
    executing_run: str | None
    """The one run that has taken it."""


@writes(durable=False)
def stage(tx: Write, call: Staged, decided: Decided) -> StagedRow:
    """Enter a call of a rehearsal, with the gate's answer; what stands there already is returned as it stands.

    Raises:
        LedgerError: the run is no rehearsal, or has ended, or another call stands under this id.
    """
    run = tx.run(call.run_id)
    if not run["shadow"] or run["outcome"] is not None:
        raise LedgerError(f"run {call.run_id!r} is no rehearsal that is under way; nothing is staged in it")
    decisions.enter(tx, call.run_id, decided)
    facts = {name: value for name, value in asdict(call).items() if name not in ("run_id", "call_id", "bound")}
    key, bound = {"run_id": call.run_id, "call_id": call.call_id}, json.dumps(call.bound)
    found, new = tx.enter(table, key, bound_json=bound, at=tx.at, state="staged", **facts)
    if found["digest"] != call.digest:
        raise LedgerError(f"call {call.call_id!r} of run {call.run_id!r} was staged as another one ({found['tool']})")
    if new:
        sealed = {f"{name}_sha256": sha256(str(facts.pop(name))) for name in ("args_json", "context_json")}
        named = {"staged_id": found["staged_id"], "call_id": call.call_id, "bound_json": bound}
        tx.journal("staged", call.run_id, **named, **facts, **sealed)
    return row_of(found)


@reads
def staged_of(tx: Read, run_id: str) -> list[StagedRow]:
    """Every call that a rehearsal has staged, in the order in which it wanted to make them."""
    return rows_of(tx, run_id)


@reads
def staged_waiting(tx: Read) -> list[StagedRow]:
    """Every call of every rehearsal that nobody has decided about, or whose run has not begun."""
    waits = (table.c.state.in_(("staged", "approved")), table.c.executing_run.is_(None))
    return [row_of(row) for row in tx.all(select(table).where(*waits).order_by(table.c.staged_id))]


@writes()
def approve_staged(
    tx: Write, run_id: str, seen: Mapping[int, str], *, by: str, via: str, because: str
) -> list[StagedRow]:
    """A person says yes to calls of a rehearsal that has ended, all of them or none; returns all that are to be done.

    Args:
        seen: by `staged_id`, the digest of each call as the person was shown it. A call that a yes stands on already, and that
            no run has taken, is said yes to anew.

    Raises:
        LedgerError: it is no person's, says no reason, or is of a call that is not there, is another, or was settled.
    """
    chosen = _chosen(tx, run_id, seen, by, because)
    last = tx.connection.scalar(select(func.max(table.c.round)).where(table.c.run_id == run_id)) or 0
    said = {"state": "approved", "round": last + 1, "by": by, "via": via, "because": because, "why": ""}
    _decide(tx, run_id, [row.staged_id for row in chosen], said)
    return [row for row in rows_of(tx, run_id) if row.round == last + 1]


@writes()
def refuse_staged(tx: Write, run_id: str, seen: Mapping[int, str], *, by: str, via: str, because: str) -> None:
    """A person says no: these calls are never executed. Raises LedgerError as `approve_staged` does."""
    chosen = _chosen(tx, run_id, seen, by, because)
    said = {"state": "refused", "by": by, "via": via, "because": because}
    _decide(tx, run_id, [row.staged_id for row in chosen], said)


def _chosen(tx: Read, run_id: str, seen: Mapping[int, str], by: str, because: str) -> list[StagedRow]:
    """The calls that a decision is about. Raises LedgerError where it cannot be made."""
    run = tx.run(run_id)
    if run["outcome"] is None:
        raise LedgerError(f"rehearsal {run_id!r} is still under way; decide when it has ended")
    if not is_person(by, run["agent"]) or not because.strip():
        raise LedgerError(f"a person decides about what was staged and says why; {by!r} said {because!r}")
    rows = [row for row in rows_of(tx, run_id) if row.staged_id in seen]
    if not seen or len(rows) != len(seen):
        raise LedgerError(f"rehearsal {run_id!r} has staged no such call; `midwatch staged {run_id}` lists them")
    for row in rows:
        if row.digest != seen[row.staged_id]:
            raise LedgerError(f"staged call {row.staged_id} ({row.tool}) is not the one that was shown")
        if row.state in SETTLED or row.executing_run is not None:
            taken = f", in run {row.executing_run}" if row.executing_run else ""
            raise LedgerError(f"staged call {row.staged_id} ({row.tool}) is {row.state} already{taken}")
    return rows


def _decide(tx: Write, run_id: str, ids: Sequence[int], said: Mapping[str, Any]) -> None:
    tx.changed(update(table).where(table.c.staged_id.in_(ids)).values(**said, decided_at=tx.at))
    sealed = {**said, "because_sha256": sha256(str(said["because"]))}
    del sealed["because"]
    tx.journal("staged_decided", run_id, staged_ids=list(ids), **sealed)


def rows_of(tx: Read, run_id: str) -> list[StagedRow]:
    """`staged_of` as a part of a larger transaction."""
    return [row_of(row) for row in tx.all(select(table).where(table.c.run_id == run_id).order_by(table.c.staged_id))]


def row_of(row: RowMapping) -> StagedRow:
    """One row of the table as a value."""
    fields = dict(row)
    return StagedRow(bound=tuple(json.loads(fields.pop("bound_json"))), **fields)
