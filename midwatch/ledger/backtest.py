"""The ledger: what was decided about calls, and what became of each? Read in pages, in the order in which it was decided.

A yes under which a call ran, and a second look at a call after a crash, are later judgements of the same call and no calls
of their own. Planted proposals never were calls at all.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, RowMapping, Select, func, select

from midwatch.decision import Verdict
from midwatch.errors import LedgerError
from midwatch.ledger.asks import AskVerdict
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import arrivals, asks, decisions, labels, runs, staged, steps
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.run import Cause, Level

if TYPE_CHECKING:  # the ledger is opened where no policy is read, and its matchers take long to import
    from midwatch.policy.reading import Label

PAGE: Final = 1000
"""Decisions in memory at once."""
JUDGED_FIRST: Final = "gate"
"""The second part of the position of a call's first judgement: `main/gate/ID`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastRun:
    """What has to be known of a run to judge its calls once more."""

    level: Level
    cause: Cause
    """`event` too where somebody copied the input of an event."""
    input: Mapping[str, Any]
    labels: Mapping[Label, datetime] = field(default_factory=dict)
    """What had entered its context, from when on."""
    answers: tuple[tuple[datetime, str], ...] = ()
    """Of persons, to what the agent asked them."""
    looked_up: datetime | None = None
    """When a trusted lookup first brought something."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PastCall:
    """One call as it was first judged."""

    run_id: str
    run: PastRun
    at: datetime
    """When it was written down: of what was allowed, as it began or was done."""
    tool: str
    args_json: str
    verdict: Verdict
    rule: str
    asked: bool
    """It was asked about, or a rehearsal had staged it: the question, or what was said to it, stands in the ledger."""
    answer: AskVerdict | None
    """None too while nobody has answered."""


Take = Callable[[Sequence[PastCall], int], None]
"""(calls, how many of the rows read were later judgements of calls that were judged before)"""


@reads
def tools_decided(tx: Read, agent: str) -> list[str]:
    """Every tool that calls of the agent were decided about, by name."""
    query = select(decisions.c.tool).distinct().join(runs, runs.c.run_id == decisions.c.run_id)
    return sorted(row["tool"] for row in tx.all(query.where(runs.c.agent == agent)))


@reads
def agents_decided(tx: Read) -> list[str]:
    """Every agent whose calls were decided about, by name."""
    query = select(runs.c.agent).where(select(decisions.c.run_id).where(decisions.c.run_id == runs.c.run_id).exists())
    return sorted(row["agent"] for row in tx.all(query.distinct()))


@reads
def models_decided(tx: Read, agent: str) -> list[str]:
    """Every model of which an answer in a run of the agent is recorded, by name."""
    answered = select(steps.c.name).distinct().join(runs, runs.c.run_id == steps.c.run_id)
    return sorted(row["name"] for row in tx.all(answered.where(runs.c.agent == agent, steps.c.kind == "model")))


@reads
def count_decisions(
    tx: Read, agent: str, since: datetime | None, until: datetime | None, *, model: str | None = None
) -> int:
    """Rows that `each_decision` reads."""
    joined = select(func.count()).select_from(decisions).join(runs, runs.c.run_id == decisions.c.run_id)
    return int(tx.connection.scalar(joined.where(*_within(agent, since, until, model))) or 0)


@reads
def each_decision(
    tx: Read,
    agent: str,
    take: Take,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    lookups: Collection[str] = (),
    model: str | None = None,
) -> None:
    """Give `take` every call of the agent that was judged from `since` on and before `until`, page by page, oldest first.

    Args:
        model: of the runs alone in which every recorded answer is of this one, as the provider names it, or `PROVIDER:NAME`.
        lookups: tools whose results may name who something goes to.
    """
    read = [
        decisions.c[name] for name in ("run_id", "position", "digest", "tool", "args_json", "verdict", "rule", "at")
    ]
    of_run = [runs.c[name] for name in ("level", "cause", "slot", "input_json")]
    query = (
        select(*read, *of_run)
        .join(runs, runs.c.run_id == decisions.c.run_id)
        .where(*_within(agent, since, until, model))
    )
    query = query.order_by(decisions.c.at, decisions.c.run_id, decisions.c.position, decisions.c.digest)
    for page in tx.pages(query, PAGE):
        first = [row for row in page if _kind(row) == JUDGED_FIRST]
        known, said = _runs(tx, agent, first, lookups), _answers(tx, {row["run_id"] for row in first})
        take([_call(row, known, said) for row in first], len(page) - len(first))


@writes()
def record_override(
    tx: Write, agent: str, *, rules: str, level: int | None, allows: Mapping[str, int], by: str, because: str
) -> None:
    """A person takes a change upon themselves that would have allowed what was denied. It stays in the journal.

    Args:
        rules: fingerprint of the new rules (`Policy.fingerprint`).
        level: the level they were tried at; None: each run's own.
        allows: by kind of change, how many calls.

    Raises:
        LedgerError: who or why is missing.
    """
    if not by.strip() or not because.strip():
        raise LedgerError(f"an override for {agent!r} names who takes it and why; one of them is empty")
    tx.journal(
        "backtest_override", None, agent=agent, rules=rules, level=level, allows=dict(allows), by=by, because=because
    )


def _within(agent: str, since: datetime | None, until: datetime | None, model: str | None) -> list[ColumnElement[bool]]:
    bounds = [runs.c.agent == agent]
    bounds += [runs.c.run_id.in_(_answered_by(model))] if model else []
    bounds += [decisions.c.at >= since] if since else []
    return bounds + ([decisions.c.at < until] if until else [])


def _answered_by(model: str) -> Select[Any]:
    """Runs in which no other model has answered: of a call nobody wrote down which of several asked for it."""
    first, last = func.min(steps.c.name), func.max(steps.c.name)
    named = {model, model.partition(":")[2]} - {""}
    answers = select(steps.c.run_id).where(steps.c.kind == "model").group_by(steps.c.run_id)
    return answers.having(first == last, first.in_(named))


def _kind(row: RowMapping) -> str:
    return str(row["position"]).split("/", 2)[1] if "/" in row["position"] else ""


def _call(
    row: RowMapping, known: Mapping[str, PastRun], said: Mapping[tuple[str, str, str], AskVerdict | None]
) -> PastCall:
    conversation, _, call = row["position"].partition(f"/{JUDGED_FIRST}/")
    question = (row["run_id"], f"{conversation}/{call}", row["digest"])
    return PastCall(
        run_id=row["run_id"],
        run=known[row["run_id"]],
        at=row["at"],
        tool=row["tool"],
        args_json=row["args_json"],
        verdict=row["verdict"],
        rule=row["rule"],
        asked=question in said,
        answer=said.get(question),
    )


def _answers(tx: Read, run_ids: Collection[str]) -> dict[tuple[str, str, str], AskVerdict | None]:
    """By run, call and digest, what a person said to the question about it, or to a rehearsal's call."""
    columns = [asks.c[name] for name in ("run_id", "call_id", "digest", "verdict")]
    query = select(*columns).where(asks.c.run_id.in_(run_ids), asks.c.kind == "approve", asks.c.planted == "")
    said = {(row["run_id"], row["call_id"], row["digest"]): row["verdict"] for row in tx.all(query)}
    tried = select(*(staged.c[name] for name in ("run_id", "call_id", "digest", "state")))
    for row in tx.all(tried.where(staged.c.run_id.in_(run_ids), staged.c.state != "staged")):
        said[row["run_id"], row["call_id"], row["digest"]] = "denied" if row["state"] == "refused" else "approved"
    return said


def _runs(tx: Read, agent: str, rows: Iterable[RowMapping], lookups: Collection[str]) -> dict[str, PastRun]:
    """Of a page, by run. What only matters where text from outside was read is only read there."""
    once = {row["run_id"]: row for row in rows}
    entered: dict[str, dict[Label, datetime]] = defaultdict(dict)
    for row in tx.all(select(labels).where(labels.c.run_id.in_(once))):
        entered[row["run_id"]][row["label"]] = row["at"]
    doubtful = [run_id for run_id in once if "untrusted" in entered[run_id]]
    answers, looked, copied = (
        _given(tx, doubtful),
        _looked_up(tx, doubtful, lookups),
        _copied(tx, agent, doubtful, once),
    )
    return {
        run_id: PastRun(
            level=row["level"],
            cause="event" if run_id in copied else row["cause"],
            input=json.loads(row["input_json"]),
            labels=entered[run_id],
            answers=tuple(answers.get(run_id, ())),
            looked_up=looked.get(run_id),
        )
        for run_id, row in once.items()
    }


def _given(tx: Read, run_ids: Collection[str]) -> dict[str, list[tuple[datetime, str]]]:
    found: dict[str, list[tuple[datetime, str]]] = defaultdict(list)
    columns = [asks.c[name] for name in ("run_id", "decided_at", "answer")]
    query = select(*columns).where(asks.c.run_id.in_(run_ids), asks.c.verdict == "answered")
    for row in tx.all(query.order_by(asks.c.decided_at, asks.c.ask_id)) if run_ids else ():
        found[row["run_id"]].append((row["decided_at"], row["answer"] or ""))
    return found


def _looked_up(tx: Read, run_ids: Collection[str], lookups: Collection[str]) -> dict[str, datetime]:
    if not run_ids or not lookups:
        return {}
    named = (steps.c.run_id.in_(run_ids), steps.c.kind == "tool", steps.c.name.in_(lookups))
    query: Select[Any] = select(steps.c.run_id, func.min(steps.c.at).label("at")).where(*named).group_by(steps.c.run_id)
    return {row["run_id"]: row["at"] for row in tx.all(query)}


def _copied(tx: Read, agent: str, run_ids: Collection[str], rows: Mapping[str, RowMapping]) -> set[str]:
    """Runs that a person started with what had arrived from outside: those words are still the sender's."""
    inputs = {run_id: sha256(rows[run_id]["input_json"]) for run_id in run_ids if rows[run_id]["input_json"] != "{}"}
    mine = select(arrivals.c.input_sha256).where(arrivals.c.agent == agent)
    query = mine.where(arrivals.c.input_sha256.in_(set(inputs.values())))
    known = {row["input_sha256"] for row in tx.all(query)} if inputs else set()
    return {run_id for run_id, digest in inputs.items() if digest in known}
