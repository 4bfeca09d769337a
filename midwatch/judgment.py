"""Monitoring: how did this run end? From what happened and what the contract found to exactly one outcome.

The first row that fits decides. `done` is `contract.done_when` as it was found at the end.

| effects  | the loop               | done               | refused by       | outcome       |
|----------|------------------------|--------------------|------------------|---------------|
| unknown  | any                    | any                | any              | unknown       |
| known    | error, broken          | any                | any              | failed        |
| known    | halted, out_of_budget, | any                | any              | blocked       |
|          | stopped                |                    |                  |               |
| known    | denied, unanswered,    | any                | any              | blocked       |
|          | taken_over             |                    |                  |               |
| known    | no_budget, held_off,   | any                | any              | blocked       |
|          | unavailable, cancelled |                    |                  |               |
| known    | nothing_to_do          | (noop_when holds)  | any              | verified_noop |
| known    | nothing_to_do          | (it does not)      | any              | unverified    |
| known    | finished, calls staged | (not looked at)    | nobody           | rehearsed     |
| known    | finished               | holds              | any              | verified      |
| known    | finished               | anything else      | anybody          | blocked       |
| known    | finished               | something is wrong | nobody           | failed        |
| known    | finished               | could not be seen  | nobody           | unverified    |
| known    | finished               | nothing to check   | nobody           | unverified    |

A "no", whether a rule's, a deadline's or a person's, is an obstacle: only a contract that holds in spite of it shows that
the action was not needed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, assert_never

from midwatch.contract import Finding
from midwatch.outcome import Outcome

Loop = Literal[
    "finished",
    "nothing_to_do",
    "error",
    "broken",
    "halted",
    "out_of_budget",
    "stopped",
    "denied",
    "unanswered",
    "taken_over",
    "no_budget",
    "held_off",
    "unavailable",
    "cancelled",
]
"""How the loop itself came to an end, or why it did not begin. The ledger keeps it with the run.

finished       the model says that it is done
nothing_to_do  `noop_when` held before the first step; no model was asked
error          an error that it could not recover from
broken         an invariant of the contract did not hold, or could not be looked at
halted         the halt latch was set
out_of_budget  a limit of its own was reached
stopped        a monitor ended it: a loop, a stall, what is unusual for the agent
denied         it may not go on: its level is too low
unanswered     a question's deadline passed, and the agent's file says to end then
taken_over     a person goes on with the work
no_budget      a day, the house or the run above it had nothing left
held_off       the agent's breaker kept it from beginning
unavailable    its model or one of its tools could not be had
cancelled      a person ended it in Prefect
"""

Seen = Literal["holds", "wrong", "not_seen", "nothing_to_check"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """One call that the agent asked for and did not get."""

    call: str
    """As it is shown to a person: `shell: rm -r /tmp/old`."""
    by: Literal["rule", "silence", "person"]
    why: str
    """The rule and its reason, or the person's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What the harness knows when the loop has ended."""

    loop: Loop
    reason: str = ""
    """One clause for a person: the error, the limit, the question. Empty where `finished` says it all."""
    refusals: tuple[Refusal, ...] = ()
    staged: int = 0
    """Calls that a rehearsal has kept and not executed; its contract speaks of a world in which they were."""
    unknown_effects: tuple[str, ...] = ()
    """Effects that were started and whose end nobody saw, as they are shown to a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgment:
    outcome: Outcome
    reason: str
    """One sentence, for a person who reads nothing else."""


def seen(findings: Sequence[Finding]) -> Seen:
    """What a list of findings says as a whole; no findings say nothing, and neither do those of nothing."""
    missed = [finding for finding in findings if not finding.held]
    if any(finding.looked for finding in missed):
        return "wrong"
    if missed:
        return "not_seen"
    return "nothing_to_check" if all(finding.empty for finding in findings) else "holds"


def judge(ending: Ending, *, done: Sequence[Finding], noop: Sequence[Finding] = ()) -> Judgment:
    """The one outcome of a run; the module's table, row by row."""
    if ending.unknown_effects:
        cut = f"; {ending.reason}" if ending.loop == "halted" and ending.reason else ""
        return _judgment("unknown", f"nobody saw whether this happened: {_listed(ending.unknown_effects)}{cut}")
    match ending.loop:
        case "error":
            return _judgment("failed", ending.reason or "an error that it could not recover from")
        case "broken":
            return _judgment("failed", ending.reason or "what must hold all the time did not")
        case "halted":
            return _judgment("blocked", ending.reason or "the halt latch was set")
        case "out_of_budget" | "no_budget":
            return _judgment("blocked", ending.reason or "a limit was reached")
        case "stopped":
            return _judgment("blocked", ending.reason or "a monitor ended it")
        case "held_off":
            return _judgment("blocked", ending.reason or "its breaker is open")
        case "cancelled":
            return _judgment("blocked", ending.reason or "it was cancelled in Prefect")
        case "unavailable":
            return _judgment("blocked", ending.reason or "its model or a tool could not be had")
        case "denied":
            return _judgment("blocked", ending.reason or _refused(ending.refusals) or "it may not go on")
        case "unanswered":
            return _judgment("blocked", ending.reason or _refused(ending.refusals) or "a question was not answered")
        case "taken_over":
            return _judgment("blocked", ending.reason or "a person took it over")
        case "nothing_to_do":
            return _noop(noop)
        case "finished":
            return _finished(ending, done)
        case _:
            assert_never(ending.loop)


def _noop(noop: Sequence[Finding]) -> Judgment:
    if seen(noop) == "holds":
        return _judgment("verified_noop", f"there was rightly nothing to do: {_details(noop)}")
    return _judgment("unverified", "it says that there was nothing to do, and no check confirms it")


def _finished(ending: Ending, done: Sequence[Finding]) -> Judgment:
    if ending.staged and not ending.refusals:
        calls = f"{ending.staged} call{'s' if ending.staged > 1 else ''}"
        return _judgment("rehearsed", f"a rehearsal: {calls} staged, none of them executed")
    missed = [finding for finding in done if not finding.held]
    match seen(done):
        case "holds":
            although = f", although {_refused(ending.refusals)}" if ending.refusals else ""
            return _judgment("verified", f"{len(done)} of {len(done)} checks of the contract hold{although}")
        case _ if ending.refusals:
            return _judgment("blocked", _refused(ending.refusals))
        case "wrong":
            return _judgment("failed", f"it says done, and the world says otherwise: {_details(missed)}")
        case "not_seen":
            return _judgment("unverified", f"it says done, and the contract could not be checked: {_details(missed)}")
        case "nothing_to_check" if done:
            return _judgment("unverified", f"it says done, and nothing was there to confirm it by: {_details(done)}")
        case "nothing_to_check":
            return _judgment("unverified", "it says done, and there is no `contract.done_when` to confirm it")


def _judgment(outcome: Outcome, reason: str) -> Judgment:
    """One sentence: a capital letter at its front is the caller's business, a full stop is not wanted twice."""
    return Judgment(outcome=outcome, reason=reason.strip().rstrip("."))


def _refused(refusals: Sequence[Refusal]) -> str:
    words = {"rule": "was denied", "silence": "was not answered in time", "person": "was refused by a person"}
    return _listed([f"`{refusal.call}` {words[refusal.by]} ({refusal.why})" for refusal in refusals])


def _details(findings: Sequence[Finding]) -> str:
    return _listed([f"{finding.check}: {finding.detail}" for finding in findings])


def _listed(parts: Sequence[str], *, at_most: int = 3) -> str:
    more = f" and {len(parts) - at_most} more" if len(parts) > at_most else ""
    return "; ".join(parts[:at_most]) + more
