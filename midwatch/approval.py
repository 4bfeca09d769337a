"""Permissions: is a person's yes good for exactly this call, now? Asked by the gate before a call, by the ledger as it begins.

A yes is bound to one call of one run (SHA-256 over tool, arguments, definition, rules and target, with run and call),
given by a person, good once and for a while. It answers an ask; a deny it never lifts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from midwatch.characters import folded
from midwatch.decision import Decision

GRACE: Final = timedelta(hours=1)
"""How long after the deadline of its question a yes is good: the other answers of a round may come until then."""
MOVED: Final = (
    "what stands where it would write is not what stood there when a person was shown it. Read it again, and make the "
    "call anew from what it holds now"
)
"""What has become of a yes with other arguments."""
_NOBODY: Final = frozenset({"", "agent", "assistant", "midwatch", "model", "self", "nobody"})
"""Names that are no person's; as `midwatch` the house itself signs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """An answer as it is on file."""

    run_id: str
    call_id: str
    agent: str
    """Who asked: whoever says yes is somebody else."""
    digest: str
    """Of the one call that it is good for; "" where it was no yes."""
    by: str
    good_until: datetime
    shown: str | None = None
    """What stood beside the call (`AskContext.shown`); None where a yes does not stand on it."""
    edited: bool = False
    """A yes to other arguments, which stands on what stood where the call would write, and on nothing else beside it."""
    before: str | None = None
    """What that was (`AskContext.before`)."""
    used: bool
    """By another effect than the call's own, which may be begun again after a crash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A call that is about to run on a yes."""

    run_id: str
    call_id: str
    digest: str
    at: datetime
    shows: str | None = None
    """What would be shown beside the call now; None where nobody looked."""
    before: str | None = None
    """What stands where it would write; None where nobody says."""


def is_person(name: str, agent: str) -> bool:
    """`name` may be somebody's who answers for `agent`."""
    return folded(name).strip() not in _NOBODY | {folded(agent).strip()}


def fault_of(approval: Approval | None, attempt: Attempt) -> str:
    """Why the yes is not good for the attempt; "" when it is."""
    if approval is None or not approval.digest:
        return "no yes to it is on file"
    faults = {
        f"it was given by {approval.by!r}, who is no person": not is_person(approval.by, approval.agent),
        "it was given to another run": approval.run_id != attempt.run_id,
        "it was given to another call": approval.call_id != attempt.call_id,
        "the call, its tool, its rules or what it reaches are not what was shown": approval.digest != attempt.digest,
        "what it would change is not what was shown any more": _differ(approval.shown, attempt.shows),
        MOVED: _has_moved(approval, attempt),
        "it is used up": approval.used,
        f"it was good until {approval.good_until:%Y-%m-%d %H:%M} UTC": attempt.at >= approval.good_until,
    }
    return next((f"the yes is not good: {fault}" for fault, found in faults.items() if found), "")


def _differ(shown: str | None, shows: str | None) -> bool:
    return None not in (shown, shows) and shown != shows


def _has_moved(approval: Approval, attempt: Attempt) -> bool:
    """An edited call would write over what nobody was shown; where nothing stands, nothing can be lost."""
    return approval.edited and attempt.shows is not None and attempt.before not in ("", approval.before)


def answered(decision: Decision, approval: Approval | None, attempt: Attempt) -> Decision:
    """`decision` as a yes leaves it: an ask becomes allow where the yes is good, and deny where it is not."""
    if decision.verdict == "deny":
        return decision
    if fault := fault_of(approval, attempt):
        return Decision(verdict="deny", rule="changed" if MOVED in fault else "approval", reason=fault)
    return replace(decision, verdict="allow", reason=f"{decision.reason}; {approval.by if approval else ''} said yes")
