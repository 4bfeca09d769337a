"""Permissions: the answer to "may it do exactly this, now?". A value with a reason, never a bool."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Verdict = Literal["allow", "ask", "deny"]
STRICTNESS: Final[dict[Verdict, int]] = {"allow": 0, "ask": 1, "deny": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    verdict: Verdict
    rule: str
    """Id of the rule that decided (`allow.git-read`), or `default`, `level`, `error`."""
    reason: str
    """One sentence that a person and the model can use."""


def strictest(*decisions: Decision) -> Decision:
    """The strictest of at least one decision; the first of equals."""
    return max(decisions, key=lambda decision: STRICTNESS[decision.verdict])
