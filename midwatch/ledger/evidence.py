"""The ledger: what does the record show of a class of actions, or of an agent's runs? Judged anew each time, never kept."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Final, Literal

from sqlalchemy import RowMapping, and_, func, literal_column, select

from midwatch.ask_context import AskContext
from midwatch.ladder import (
    CLEAN,
    MAJOR,
    MINOR,
    Action,
    Evidence,
    Sensitivity,
    Verdict,
    evidence_of,
    in_words,
    judge,
    judge_runs,
    p0_of,
    run_severity,
    sensitivity_of,
    window_of,
    with_inherited,
)
from midwatch.ledger.actions import about, actions_of, as_it_is
from midwatch.ledger.inherited import Inherited, inherited_by
from midwatch.ledger.tables import asks, class_moves, incidents, levels, runs
from midwatch.ledger.transaction import Read, reads
from midwatch.reviewer import caught
from midwatch.risk import RISKS, WORST, Risk

Incident = Literal["minor", "major"]

RAN: Final = 4
"""From this level on runs are evidence for the next."""
HINDERED: Final = ("held_off", "no_budget", "unavailable", "cancelled", "halted", "denied", "unanswered")
"""How a run ended that was kept from its work by somebody or something else; it says nothing about the agent, but what it is
charged with does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """What there is to say of one class, or (without a rule) of an agent's runs."""

    agent: str
    rule: str | None
    risk: Risk | None
    """The worst of the tools that the rule asked about; None of runs."""
    fingerprint: str
    actions: tuple[Action, ...]
    """The oldest first."""
    falls: tuple[datetime, ...]
    evidence: Evidence
    verdict: Verdict
    inherited: Inherited | None = None
    """What it has from what the agent was before; it stands in `evidence`, and not among the actions."""


@reads
def class_record(tx: Read, agent: str, rule: str, fingerprint: str, now: datetime, *, share: float = 0) -> Record:
    """What the record shows of one class.

    Args:
        share: of what was clean of the agent as it was before, once it has passed its evals (`inherited.py`).
    """
    return record_of(tx, agent, rule, fingerprint, now, share=share)


@reads
def run_record(tx: Read, agent: str, fingerprint: str, now: datetime) -> Record:
    """What the record shows of the agent's runs at level 4."""
    return runs_record_of(tx, agent, fingerprint, now)


@reads
def rules_asked(tx: Read, agent: str, fingerprint: str) -> list[str]:
    """The rules by which people were asked about calls of the agent as it is, by name."""
    mine = select(asks.c.rule).join(runs, runs.c.run_id == asks.c.run_id).where(*about(agent), as_it_is(fingerprint))
    return sorted(str(row["rule"]) for row in tx.all(mine.distinct()))


def record_of(
    tx: Read,
    agent: str,
    rule: str,
    fingerprint: str,
    now: datetime,
    *,
    falls_now: bool = False,
    share: float = 0,
) -> Record:
    """`class_record` within a transaction.

    Args:
        falls_now: as it will be when the class has fallen at this moment.
    """
    risk = _risk(tx, agent, rule, fingerprint, now)
    actions = actions_of(tx, agent, rule, fingerprint, risk, now)
    falls = (*_falls(tx, agent, rule, fingerprint, now), *((now,) if falls_now else ()))
    evidence, seen = evidence_of(actions, falls, now), sensitivity(tx, agent, now)
    own = Record(
        agent=agent,
        rule=rule,
        risk=risk,
        fingerprint=fingerprint,
        actions=actions,
        falls=falls,
        evidence=evidence,
        verdict=judge(evidence, risk, seen),
    )

    def of_another(older: str) -> Evidence:
        done = actions_of(tx, agent, rule, older, risk, now)
        return evidence_of(done, _falls(tx, agent, rule, older, now), now)

    given = inherited_by(tx, agent, fingerprint, share, now, of_another)
    return own if given is None else _heir(own, given, seen)


def _heir(own: Record, given: Inherited, seen: Sensitivity) -> Record:
    """With what was inherited, where that is more than nothing."""
    assert own.risk is not None
    evidence = with_inherited(own.evidence, given.left)
    verdict = judge(evidence, own.risk, seen)
    if verdict.log_e <= own.verdict.log_e:
        return own
    return replace(own, evidence=evidence, verdict=verdict, inherited=given)


def runs_record_of(tx: Read, agent: str, fingerprint: str, now: datetime, *, falls_now: bool = False) -> Record:
    """`run_record` within a transaction.

    Args:
        falls_now: as it will be when the agent has fallen from level 5 at this moment.
    """
    actions = _runs(tx, agent, fingerprint, now)
    falls = (*_falls_from_five(tx, agent, now), *((now,) if falls_now else ()))
    evidence = evidence_of(actions, falls, now)
    return Record(
        agent=agent,
        rule=None,
        risk=None,
        fingerprint=fingerprint,
        actions=actions,
        falls=falls,
        evidence=evidence,
        verdict=judge_runs(evidence),
    )


def sensitivity(tx: Read, agent: str, now: datetime | None = None) -> Sensitivity:
    """What share of bad proposals the agent's people see, from those that were planted among its own and decided by `now`."""
    told = select(asks.c.verdict, asks.c.args_json, asks.c.edited_args_json).where(
        asks.c.agent == agent, asks.c.planted != literal_column("''"), asks.c.verdict.is_not(None)
    )
    told = told if now is None else told.where(asks.c.decided_at <= now)
    found = [caught(row["verdict"], row["args_json"], row["edited_args_json"]) for row in tx.all(told)]
    return sensitivity_of(found.count(True), len(found) - found.count(None))


def _risk(tx: Read, agent: str, rule: str, fingerprint: str, now: datetime) -> Risk:
    """The worst of its tools, each as it last was: what no evidence is enough for, else what asks for most."""
    mine = (*about(agent), asks.c.rule == rule, as_it_is(fingerprint), asks.c.created_at <= now)
    whose = runs.c.run_id == asks.c.run_id
    last = select(asks.c.tool, func.max(asks.c.created_at).label("at")).join(runs, whose).where(*mine)
    each = last.group_by(asks.c.tool).subquery()
    at_last = and_(asks.c.tool == each.c.tool, asks.c.created_at == each.c.at)
    rows = tx.all(select(asks.c.context_json).join(runs, whose).join(each, at_last).where(*mine))
    found = [AskContext.model_validate_json(row["context_json"]).risk for row in rows]
    return max((_known(risk) for risk in found), key=_demand, default=WORST)


def _known(said: str) -> Risk:
    return next((risk for risk in RISKS if risk == said), WORST)


def _demand(risk: Risk) -> tuple[bool, float, int]:
    p0 = p0_of(risk)
    return p0 is None, -(p0 or 0.0), RISKS.index(risk)


def _falls(tx: Read, agent: str, rule: str, fingerprint: str, now: datetime) -> tuple[datetime, ...]:
    mine = class_moves.c.agent == agent, class_moves.c.rule == rule, class_moves.c.fingerprint == fingerprint
    fell = class_moves.c.basis == "fall", class_moves.c.at <= now
    rows = tx.all(select(class_moves.c.at).where(*mine, *fell).order_by(class_moves.c.move_id))
    return tuple(row["at"] for row in rows)


def _falls_from_five(tx: Read, agent: str, now: datetime) -> tuple[datetime, ...]:
    """Those for cause, which alone tell the evidence: an open breaker or an empty house says nothing of the runs."""
    fell = levels.c.agent == agent, levels.c.basis == "fall", levels.c.evidence_json != "{}", levels.c.granted_at <= now
    return tuple(
        row["granted_at"] for row in tx.all(select(levels.c.granted_at).where(*fell).order_by(levels.c.grant_id))
    )


def _runs(tx: Read, agent: str, fingerprint: str, now: datetime) -> tuple[Action, ...]:
    columns = [runs.c[name] for name in ("run_id", "outcome", "ending", "finished_at")]
    at_work = (runs.c.agent == agent, as_it_is(fingerprint), runs.c.level >= RAN, runs.c.finished_at <= now)
    charged = _charged_runs(tx, agent, now)
    rows = tx.all(select(*columns).where(*at_work).order_by(runs.c.finished_at, runs.c.run_id))
    found = (_run(row, charged.get(row["run_id"]), now) for row in rows)
    return tuple(action for action in found if action is not None)


def _charged_runs(tx: Read, agent: str, now: datetime) -> dict[str, Incident]:
    """By run, the worst that it is charged with."""
    found: dict[str, Incident] = {}
    mine = incidents.c.agent == agent, incidents.c.at <= now
    for row in tx.all(select(incidents.c.run_id, incidents.c.severity).where(*mine)):
        found[row["run_id"]] = "major" if "major" in (row["severity"], found.get(row["run_id"])) else "minor"
    return found


def _run(row: RowMapping, incident: Incident | None, now: datetime) -> Action | None:
    severity = run_severity(row["outcome"], taken_over=row["ending"] == "taken_over", incident=incident)
    if row["ending"] in HINDERED:
        severity = None if incident is None else MAJOR if incident == "major" else MINOR
    if severity is None:
        return None
    why = f"{incident} incident" if incident else "" if severity == CLEAN else f"it ended {row['outcome']}"
    ripe = row["finished_at"] + window_of(WORST) <= now
    named = {"args_sha256": row["run_id"], "run_id": row["run_id"]}
    return Action(at=row["finished_at"], severity=severity, ripe=ripe, why=why, **named)


def as_told(record: Record) -> str:
    """What was known, as JSON: kept with a proposal, a promotion and a fall."""
    evidence, verdict = record.evidence, record.verdict
    return json.dumps(
        {
            **({"inherited": asdict(record.inherited)} if record.inherited else {}),
            "fingerprint": record.fingerprint,
            "risk": record.risk,
            "climbs": [[climb.clean, climb.minor, climb.major] for climb in evidence.climbs],
            "days": evidence.days,
            "inputs": evidence.inputs,
            "p0": verdict.p0,
            "d": verdict.sensitivity.d,
            "log_e": verdict.log_e,
            "words": in_words(evidence, verdict, unit="action" if record.rule else "run"),
            "bound": verdict.bound,
            "ready": verdict.ready,
        },
        sort_keys=True,
    )
