"""Permissions: what do the run's level, and who is there, leave of a rule's answer? Both only ever tighten."""

from __future__ import annotations

from dataclasses import replace
from typing import assert_never

from midwatch.decision import Decision
from midwatch.risk import HARMLESS, Risk
from midwatch.run import Level


def held_to_level(decision: Decision, level: Level, risk: Risk) -> Decision:
    """`decision` as a run at `level` may act on it (DESIGN.md, the spectrum).

    level | read            | note            | any other effect
    1     | deny            | deny            | deny
    2     | as the rule says| deny            | deny
    3     | as the rule says| as the rule says| an allow becomes an ask
    4, 5  | as the rule says| as the rule says| as the rule says, where that was earned (`earned.py`)
    """
    match level:
        case 1:
            return _denied(decision, level, "uses no tools")
        case 2:
            return decision if risk == "read" else _denied(decision, level, "only reads")
        case 3:
            if decision.verdict != "allow" or risk in HARMLESS:
                return decision
            reason = f"{decision.reason}; at level 3 every effect ({risk}) waits for a person's yes"
            return replace(decision, verdict="ask", reason=reason)
        case 4 | 5:
            return decision
        case _:
            assert_never(level)


def held_to_reach(decision: Decision, *, reachable: bool) -> Decision:
    """`decision` where it may be that nobody is there to be asked: what would wait for a person is then denied."""
    if decision.verdict != "ask" or reachable:
        return decision
    reason = (
        f"{decision.reason}; a person would be asked, and nobody is there (the agent's file: `escalation: {{to: []}}`)"
    )
    return replace(decision, verdict="deny", reason=reason)


def _denied(decision: Decision, level: Level, what: str) -> Decision:
    if decision.verdict == "deny":
        return decision
    return Decision(verdict="deny", rule=f"level-{level}", reason=f"an agent at level {level} {what}")
