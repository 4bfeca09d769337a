"""Human judgment: how much does it matter that somebody looks now? Derived from facts by code, never from a model's words.

| what there is                                              | risk class of the tool               | severity  |
|------------------------------------------------------------|--------------------------------------|-----------|
| a request to approve                                       | read, note, write, egress            | attention |
| a request to approve                                       | money, destroy, credential, execute  | urgent    |
| a question that the agent asks                             |                                      | attention |
| a parked run that tries again by itself                    |                                      | routine   |
| a parked run that needs a person, such as a new key        |                                      | urgent    |
| an effect whose end nobody saw                             | read, note, write                    | urgent    |
| an effect whose end nobody saw                             | egress, money, destroy, credential, execute | emergency |
| a run that ended `failed` or `unverified`                  |                                      | attention |
| a run that ended `blocked`, for no answer of a person's    |                                      | attention |
| a run that ended `blocked`, for a person's no or silence   |                                      | routine   |

A request is no emergency by itself: silence is a no, and nothing happens. A run that ended `unknown` is asked about as its
effect. Where nobody declared a tool's risk, it counts as the worst. What is pressing counts a step higher (`weigh`).
"""

from __future__ import annotations

from typing import Final, Literal, assert_never, get_args

from midwatch.outcome import Outcome
from midwatch.risk import RISKS, WORST, Risk

Severity = Literal["routine", "attention", "urgent", "emergency"]
"""Least first.

routine    nobody has to do anything; it is for the digest
attention  it waits for a person, or went wrong, and does no harm while it does
urgent     the more dangerous request, or an agent that stands still until somebody comes
emergency  harm may have been done, and only a person can find out
"""
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)


def at_least(one: Severity, other: Severity) -> bool:
    """`one` is `other` or worse."""
    return SEVERITIES.index(one) >= SEVERITIES.index(other)


def next_above(severity: Severity) -> Severity:
    """One step higher, where there is one."""
    return SEVERITIES[min(SEVERITIES.index(severity) + 1, len(SEVERITIES) - 1)]


def declared(risk: str) -> Risk:
    """`risk` as it was written down; the worst where that says nothing."""
    return next((known for known in RISKS if known == risk), WORST)


def of_request(risk: Risk) -> Severity:
    """May it run?"""
    match risk:
        case "read" | "note" | "write" | "egress":
            return "attention"
        case "money" | "destroy" | "credential" | "execute":
            return "urgent"
        case _:
            assert_never(risk)


def of_doubt(risk: Risk) -> Severity:
    """Did it happen?"""
    match risk:
        case "read" | "note" | "write":
            return "urgent"
        case "egress" | "money" | "destroy" | "credential" | "execute":
            return "emergency"
        case _:
            assert_never(risk)


def of_parked(*, needs_person: bool) -> Severity:
    """Can the model be reached again?"""
    return "urgent" if needs_person else "routine"


def of_ending(outcome: Outcome, *, unanswered: bool) -> Severity | None:
    """None: it is well, or somebody is asked about its effect.

    Args:
        unanswered: a person said no to something that the run asked for, or nothing.
    """
    match outcome:
        case "verified" | "verified_noop" | "rehearsed" | "unknown":
            return None
        case "failed" | "unverified":
            return "attention"
        case "blocked":
            return "routine" if unanswered else "attention"
        case _:
            assert_never(outcome)
