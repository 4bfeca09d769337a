"""Notices: what is there at this moment that a person may have to know of? From the ledger's rows, each with its severity."""

from __future__ import annotations

import json
from datetime import datetime
from typing import assert_never

from midwatch.ask_context import AskContext
from midwatch.attention import Situation, Subject
from midwatch.ledger import AlarmRow, AskRow, Ended, Ledger
from midwatch.severity import Severity, declared, of_doubt, of_ending, of_parked, of_request


async def situations(ledger: Ledger, since: datetime) -> list[Situation]:
    """What waits, and what is not as it should be, however long; and what has not ended well since then. One for each."""
    waiting = [await _asked(ledger, row) for row in await ledger.open_asks()]
    ended = [_ended(row) for row in await ledger.ended_since(since)]
    alarms = [_alarm(row) for row in await ledger.open_alarms()]
    return [*waiting, *alarms, *(one for one in ended if one is not None)]


async def _asked(ledger: Ledger, row: AskRow) -> Situation:
    context = AskContext.model_validate_json(row.context_json)
    return Situation(
        agent=row.agent,
        topic="doubts" if row.kind == "settle" else "requests",
        severity=await _severity(ledger, row, context),
        subjects=(Subject(id=row.ask_id, run_id=row.run_id, rule=rule_of(row), at=row.created_at),),
        deadline=row.deadline,
        silence_ends=context.then == "end" or row.kind == "park",
    )


async def _severity(ledger: Ledger, row: AskRow, context: AskContext) -> Severity:
    match row.kind:
        case "approve":
            return of_request(declared(context.risk))
        case "answer":
            return "attention"
        case "park":
            return of_parked(needs_person=not tries_again(row))
        case "settle":
            return of_doubt(declared(await ledger.risk_asked(row.agent, row.tool)))
        case _:
            assert_never(row.kind)


def _ended(row: Ended) -> Situation | None:
    severity = of_ending(row.outcome, unanswered=row.unanswered)
    if severity is None:
        return None
    subject = Subject(id=row.run_id, run_id=row.run_id, rule=f"ended {row.outcome}", at=row.finished_at)
    return Situation(agent=row.agent, topic="endings", severity=severity, subjects=(subject,))


def _alarm(row: AlarmRow) -> Situation:
    subject = Subject(id=row.alarm_id, run_id="", rule=row.what, at=row.raised_at)
    return Situation(agent=row.agent, topic="alarms", severity=row.severity, subjects=(subject,))


def tries_again(row: AskRow) -> bool:
    """A parked run goes on by itself after a while."""
    try:
        return bool(datetime.fromisoformat(json.loads(row.args_json)["tries_again_at"]))
    except (KeyError, TypeError, ValueError):
        return False


def rule_of(row: AskRow) -> str:
    """What asked: a rule, else the kind of question and its tool."""
    return row.rule or f"{row.kind} {row.tool}"
