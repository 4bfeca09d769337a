"""The ladder: which of the actions that were recorded are evidence, and how much of it is there?"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from typing import Final, Literal

from midwatch.ladder.eprocess import Tally
from midwatch.ladder.thresholds import CLEAN, MINOR

LATELY: Final = timedelta(days=30)

Weight = Literal["clean", "minor", "major"]
_Once = tuple[date, str]
"""Calls with the same arguments on one UTC day."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """One action of a class, or one run of an agent, as it is known now.

    Whoever reads the ledger leaves out what is no evidence: planted proposals, rehearsals, questions that expired, runs that
    were taken over, and what ran unasked, unless something bad is known of it.
    """

    at: datetime
    """When it was done, or refused."""
    severity: float
    """0 clean, 0.25 minor, 1 major."""
    args_sha256: str
    """What it was done to: identical calls on one day are one piece of evidence."""
    ripe: bool
    """Its window is over: nobody has put it back or reported it in time. Nothing clean counts before that."""
    run_id: str = ""
    call_id: str = ""
    why: str = ""
    """Why it is not clean, in words; "" for what is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What the actions of one class come to. Days, inputs and `since` are of the climb that goes on."""

    climbs: tuple[Tally, ...]
    """One more than there were falls, the oldest first."""
    days: int
    """UTC days with something clean that counts."""
    inputs: int
    """Distinct arguments of what is clean and counts."""
    unripe: int
    """Clean so far, and will count when their window is over."""
    since: datetime | None
    """The first action of the climb; None: there is none."""
    per_day: float
    """What is clean, counts and will count: a day of the last 30, or of those since the first."""
    inherited: int = 0
    """Of what is clean in the climb that goes on: so much was done by the agent as it was before."""

    @property
    def climb(self) -> Tally:
        """The one that goes on."""
        return self.climbs[-1]


def with_inherited(evidence: Evidence, left: Tally) -> Evidence:
    """With what an agent has from what it was before: it is older than all of its own. Days and inputs stay its own."""
    first, *later = evidence.climbs
    begun = Tally(clean=first.clean + left.clean, minor=first.minor + left.minor, major=first.major + left.major)
    return replace(evidence, climbs=(begun, *later), inherited=0 if later else left.clean)


def weight_of(severity: float) -> Weight:
    """What is in between, or no number, counts as the worse."""
    if severity == CLEAN:
        return "clean"
    return "minor" if 0 < severity <= MINOR else "major"


def counted(actions: Iterable[Action]) -> list[Action]:
    """What counts, the oldest first: everything bad, and once a day and arguments what is clean and ripe."""
    found: list[Action] = []
    clean: set[_Once] = set()
    for action in sorted(actions, key=lambda action: action.at):
        if weight_of(action.severity) != "clean":
            found.append(action)
        elif action.ripe and _once(action) not in clean:
            clean.add(_once(action))
            found.append(action)
    return found


def evidence_of(actions: Iterable[Action], falls: Sequence[datetime], now: datetime) -> Evidence:
    """What `counted` comes to.

    An action belongs to the climb in which it was done, whenever it became ripe or was reported; one of the very moment of a
    fall to the climb that it ended.
    """
    ended = sorted(falls)
    counts: list[Counter[Weight]] = [Counter() for _ in range(len(ended) + 1)]
    ordered = sorted(actions, key=lambda action: action.at)
    counting = counted(ordered)
    for action in counting:
        counts[bisect_left(ended, action.at)][weight_of(action.severity)] += 1
    clean = {_once(action): action for action in counting if action.severity == CLEAN}
    unripe = [action for action in ordered if action.severity == CLEAN and not action.ripe]
    waiting = {_once(action): action for action in reversed(unripe)}
    since = next((action.at for action in ordered if not ended or action.at > ended[-1]), None)
    of_climb = [once for once, action in clean.items() if since and action.at >= since]
    return Evidence(
        climbs=tuple(Tally(clean=one["clean"], minor=one["minor"], major=one["major"]) for one in counts),
        days=len({day for day, _ in of_climb}),
        inputs=len({args for _, args in of_climb}),
        unripe=sum(once not in clean for once, action in waiting.items() if since and action.at >= since),
        since=since,
        per_day=_per_day((waiting | clean).values(), now),
    )


def _once(action: Action) -> _Once:
    return action.at.astimezone(UTC).date(), action.args_sha256


def _per_day(actions: Iterable[Action], now: datetime) -> float:
    times = [action.at for action in actions]
    if not times:
        return 0.0
    span = max(timedelta(days=1), min(LATELY, now - min(times)))
    return sum(at > now - LATELY for at in times) / (span / timedelta(days=1))
