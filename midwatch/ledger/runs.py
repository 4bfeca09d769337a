"""The ledger: which runs were there, and how did each end?"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from pydantic import TypeAdapter
from sqlalchemy import RowMapping, select, update

from midwatch.contract import Finding
from midwatch.errors import LedgerError
from midwatch.judgment import Loop
from midwatch.ledger import arrivals, budgets, carried, falls, halts, incidents, labels
from midwatch.ledger.journal import canonical, sha256
from midwatch.ledger.settlement import doubt_open
from midwatch.ledger.tables import runs
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.outcome import Outcome
from midwatch.run import Cause, Level
from midwatch.run_ids import short
from midwatch.spec import Limits

_FINDINGS: Final = TypeAdapter(tuple[Finding, ...])


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    run_id: str
    agent: str
    cause: Cause
    slot: str | None
    level: Level
    asked_level: Level | None
    input: Mapping[str, Any]
    fingerprint: str
    """Of everything that the agent's file says: a run goes on with no other."""
    started_at: datetime
    """The first start, kept over crashes and suspensions."""
    finished_at: datetime | None
    outcome: Outcome | None
    """None while the run goes on."""
    ending: Loop | None
    """How the loop came to its end; None too where that was not yet written down."""
    reason: str
    findings: tuple[Finding, ...]
    evidence: str = ""
    """Of what decides in the agent's file, and what it thinks with: to this its evidence belongs. "": nobody said."""
    shadow: bool = False
    """A rehearsal: its effects are staged, none is executed, and it is evidence of nothing."""


@writes()
def start_run(
    tx: Write,
    run_id: str,
    *,
    agent: str,
    cause: Cause,
    slot: str | None,
    level: Level,
    asked_level: Level | None,
    input: Mapping[str, Any],
    fingerprint: str,
    started_at: datetime,
    parent: str | None = None,
    limits: Limits | None = None,
    stall_minutes: float | None = None,
    evidence: str = "",
    shadow: bool = False,
) -> RunRow:
    """Enter the run. When it is there already (a resume, a life after a crash), what stands is returned unchanged.

    Args:
        evidence: the fingerprint that what it shows belongs to.
        parent: the run that started this one, and on whose budget it draws.
        limits: what the run may use, with the runs that it starts.
        stall_minutes: at work without a finished step it counts as stalled; None: never.
        shadow: it is a rehearsal, for good.
    """
    facts = {
        "agent": agent,
        "cause": cause,
        "slot": slot,
        "level": level,
        "asked_level": asked_level,
        "input_json": canonical(dict(input)),
        "fingerprint": fingerprint,
        "started_at": started_at,
        "evidence": evidence,
        "shadow": shadow,
    }
    row, new = tx.enter(runs, {"run_id": run_id}, **facts)
    if new:
        budgets.enter(tx, run_id, parent, limits, stall_minutes)
        if cause == "event" and input:
            labels.enter(tx, run_id, "untrusted", "its input came with an event")
        arrivals.label_run(tx, run_id, agent, slot, str(facts["input_json"]))
        tx.journal("run_started", run_id, **_sealed(facts, "input_json"))
    return _same_agent(run_row(row), agent)


@writes()
def finish_run(
    tx: Write,
    run_id: str,
    *,
    outcome: Outcome,
    reason: str,
    ending: Loop = "finished",
    findings: Sequence[Finding] = (),
) -> RunRow:
    """Write how the run ended. The first outcome stays; the same again changes nothing.

    Nobody sees the end of an effect that is still under way: it becomes `unknown`, a person is asked about it, and the run
    ends as `unknown`, whatever the caller has found; all in this transaction.

    Raises:
        LedgerError: the run is not there, or has ended otherwise.
    """
    if tx.run(run_id)["outcome"] is None:
        outcome, reason = _as_far_as_seen(tx, run_id, outcome, reason)
    facts = {
        "outcome": outcome,
        "ending": ending,
        "reason": reason,
        "findings_json": canonical(_FINDINGS.dump_python(tuple(findings), mode="json")),
    }
    open_run = update(runs).where(runs.c.run_id == run_id, runs.c.outcome.is_(None))
    if tx.changed(open_run.values(**facts, finished_at=tx.at)):
        tx.journal("run_finished", run_id, **_sealed(facts, "reason", "findings_json"))
        _hold_against(tx, run_id, outcome, ending)
        _lift_its_halt(tx, run_id, outcome)
        carried.settled(tx, run_id, ending)
    row = run_row(tx.run(run_id))
    if row.outcome != outcome:
        raise LedgerError(f"run {run_id!r} ended as {row.outcome!r}; it cannot end again as {outcome!r}")
    return row


@reads
def run(tx: Read, run_id: str) -> RunRow | None:
    """One run, or None."""
    row = tx.first(select(runs).where(runs.c.run_id == run_id))
    return None if row is None else run_row(row)


@reads
def recent_runs(tx: Read, agent: str | None = None, *, limit: int = 50) -> list[RunRow]:
    """The latest runs, newest first; of one agent or of all."""
    query = select(runs).order_by(runs.c.started_at.desc(), runs.c.run_id).limit(limit)
    return [run_row(row) for row in tx.all(query if agent is None else query.where(runs.c.agent == agent))]


def _as_far_as_seen(tx: Write, run_id: str, outcome: Outcome, reason: str) -> tuple[Outcome, str]:
    """How the run ends, given what nobody saw the end of."""
    in_doubt = doubt_open(tx, run_id, "the run ended in the middle of it")
    if not in_doubt or outcome == "unknown":
        return outcome, reason
    return "unknown", f"nobody saw whether it happened: {', '.join(row.tool for row in in_doubt)}; {reason}"


def _hold_against(tx: Write, run_id: str, outcome: Outcome, ending: Loop) -> None:
    """What had to hold all the time did not: whoever acted in the run answers for it. At level 5 a wrong end is enough."""
    if ending == "broken" and incidents.rules_acted(tx, run_id):
        incidents.charge(tx, run_id, None, "major", because="an invariant of its contract was broken")
    elif outcome == "failed" and ending == "finished":
        falls.run_counts_against(
            tx, tx.agent_of(run_id), f"run {short(run_id)} said done, and its contract says otherwise"
        )


def _lift_its_halt(tx: Write, run_id: str, outcome: Outcome) -> None:
    """No effect can start in a run that has ended, so a halt of it alone says nothing any more."""
    target, why = halts.target_of(run_id), f"the run ended as {outcome}"
    if target is not None:
        halts.lifted(tx, target, by="midwatch", via="run", because=why)


def _sealed(facts: Mapping[str, object], *long: str) -> dict[str, object]:
    """`facts` with the long texts as their SHA-256."""
    return {
        **{name: value for name, value in facts.items() if name not in long},
        **{f"{name}_sha256": sha256(str(facts[name])) for name in long},
    }


def _same_agent(row: RunRow, agent: str) -> RunRow:
    if row.agent != agent:
        raise LedgerError(f"run {row.run_id!r} belongs to agent {row.agent!r}, not to {agent!r}")
    return row


def run_row(row: RowMapping | Mapping[str, Any]) -> RunRow:
    """One row of the table as a value."""
    fields = dict(row)
    return RunRow(
        input=json.loads(fields.pop("input_json")),
        findings=_FINDINGS.validate_json(fields.pop("findings_json")),
        **fields,
    )
