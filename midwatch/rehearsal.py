"""Permissions: what becomes of a call in a rehearsal, and in the run that executes what one has staged? Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Final

from midwatch.decision import Decision
from midwatch.risk import Risk

STAGED: Final = (
    "This is a rehearsal. The call was staged and not executed: nothing has changed, and there is no result. A person "
    "decides later whether it is done. Go on as if it had been done, do not make it again, and do not say that it was done."
)
"""What the model hears of a call that would have been allowed, or asked about."""
UNASKED: Final = "This is a rehearsal, in which nobody is asked. Do without the answer, or finish."
"""What the model hears of a question to a person."""
STALE: Final = "stale"
"""Rule of what cannot be executed as it was staged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsed:
    """A staged call, as far as it must still be the same when it is executed."""

    digest: str
    """Over tool, arguments, definition, rules and target."""
    shown: str
    """What stood beside it (`AskContext.shown`), such as the diff that it would make."""


def is_staged(decision: Decision, risk: Risk) -> bool:
    """Whether a rehearsal stages the call. It does what only reads, where that needs nobody's yes; a denied call is denied."""
    return decision.verdict != "deny" and not (decision.verdict == "allow" and risk == "read")


def executes(decision: Decision, then: Rehearsed | None, now: Rehearsed) -> Decision:
    """The rules' `decision` about a call in the run that executes what was staged: it waits for its yes, or is denied.

    Args:
        then: as it was staged and approved; None: it was not.
        now: as it would be done.
    """
    if decision.verdict == "deny":
        return decision
    faults = {
        "it was not staged, or nobody said yes to it": then is None,
        "the call, its tool, its rules or what it reaches are not what was staged": then and then.digest != now.digest,
        "what it would change is not what was staged any more": then and then.shown != now.shown,
    }
    if fault := next((fault for fault, found in faults.items() if found), ""):
        return Decision(verdict="deny", rule=STALE, reason=fault)
    return replace(
        decision, verdict="ask", reason=f"{decision.reason}; it was rehearsed, and waits for the yes to that"
    )
