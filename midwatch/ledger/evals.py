"""The ledger: which past runs can be tried again, and how did an agent do on them?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, exists, select

from midwatch.evals import Tried
from midwatch.ledger.journal import sha256
from midwatch.ledger.runs import RunRow, run_row
from midwatch.ledger.tables import eval_results, runs, staged
from midwatch.ledger.transaction import Read, Write, reads, writes


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalRow:
    """One case of one eval."""

    result_id: int
    eval_id: str
    agent: str
    fingerprint: str
    """Of the agent as it was tried: what its evidence belongs to."""
    model: str
    """What it was tried with."""
    case_run: str
    case_fingerprint: str
    """What the evidence of the past run belongs to; "" of a run from before there was any."""
    passed: bool
    detail_json: str
    at: datetime


@reads
def cases_of(tx: Read, agent: str, last: int) -> list[RunRow]:
    """The last verified runs of an agent, the newest first; no rehearsal, and none that executed what one had staged."""
    replayed = exists().where(staged.c.executing_run == runs.c.run_id)
    good = (runs.c.agent == agent, runs.c.outcome == "verified", ~runs.c.shadow, ~replayed)
    query = select(runs).where(*good).order_by(runs.c.finished_at.desc(), runs.c.run_id).limit(last)
    return [run_row(row) for row in tx.all(query)]


@writes()
def record_eval(
    tx: Write, eval_id: str, *, agent: str, fingerprint: str, model: str, tried: Sequence[Tried]
) -> list[EvalRow]:
    """Keep how an agent did on some cases, all of them in one transaction; the same again changes nothing."""
    for one in tried:
        told, case = one.as_json(), tx.run(one.case_run)
        facts = {"agent": agent, "fingerprint": fingerprint, "model": model, "passed": one.passed}
        facts["case_fingerprint"] = case["evidence"]
        key = {"eval_id": eval_id, "case_run": one.case_run}
        if tx.is_new(eval_results, key, **facts, detail_json=told, at=tx.at):
            tx.journal("eval_result", None, **key, **facts, detail_sha256=sha256(told))
    return _of(tx, eval_results.c.eval_id == eval_id)


@reads
def last_eval(tx: Read, agent: str, fingerprint: str) -> list[EvalRow]:
    """The cases of the latest eval of the agent under this fingerprint; none where it was never tried."""
    mine = (eval_results.c.agent == agent, eval_results.c.fingerprint == fingerprint)
    last = select(eval_results.c.eval_id).where(*mine).order_by(eval_results.c.result_id.desc()).limit(1)
    return _of(tx, eval_results.c.eval_id == last.scalar_subquery())


def _of(tx: Read, wanted: ColumnElement[bool]) -> list[EvalRow]:
    query = select(eval_results).where(wanted).order_by(eval_results.c.result_id)
    return [EvalRow(**row) for row in tx.all(query)]
