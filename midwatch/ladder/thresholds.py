"""The ladder: how often may it go wrong, how long is waited for that to be seen, and what is the least evidence?"""

from __future__ import annotations

from datetime import timedelta
from typing import Final, assert_never

from midwatch.risk import Risk

ALPHA: Final = 0.05
"""Chance that a class which goes wrong too often is ever proposed, over its whole life."""
CONFIDENCE: Final = 1 - ALPHA
RATIO: Final = 10
"""The test is quickest for a class that goes wrong so many times less often than it may."""

CLEAN: Final = 0.0
MINOR: Final = 0.25
"""Edited by the person, a minor incident."""
MAJOR: Final = 1.0
"""Denied, reversed, a major incident, the contract broken by it."""

REVERSIBLE_P0: Final = 0.02
OUTWARD_P0: Final = 0.005
RUN_P0: Final = 0.05
"""Of a run at level 4, on the way to level 5."""

MIN_DAYS: Final = 10
MIN_INPUTS: Final = 10
"""Distinct days and arguments of clean actions: what happens on one day, or to one input, is correlated and says less."""

ASSUMED: Final = 0.5
"""Share of bad actions that reviewers are taken to see while too few tests have been answered."""
MIN_TESTS: Final = 10
"""From so many answered tests on, what they show counts."""

REVERSIBLE_WINDOW: Final = timedelta(days=1)
OUTWARD_WINDOW: Final = timedelta(days=7)


def p0_of(risk: Risk) -> float | None:
    """Mean severity of an action that must be ruled out before it is allowed unasked; None: no evidence is enough.

    A read or a note needs no evidence. Where a rule asks about one all the same, it is held to what a write is held to.
    """
    match risk:
        case "read" | "note" | "write":
            return REVERSIBLE_P0
        case "egress" | "execute":
            return OUTWARD_P0
        case "money" | "destroy" | "credential":
            return None
        case _:
            assert_never(risk)


def window_of(risk: Risk) -> timedelta:
    """How long after it was done an action must stay unreversed and unreported to count as clean."""
    match risk:
        case "read" | "note" | "write":
            return REVERSIBLE_WINDOW
        case "egress" | "execute" | "money" | "destroy" | "credential":
            return OUTWARD_WINDOW
        case _:
            assert_never(risk)
