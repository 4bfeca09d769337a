"""Trigger: what becomes of each slot of a schedule? Pure: the agent's policy and what is known, to an account with its reason.

    due ──> ran                          a run has claimed it
     ├────> queued ──> ran               the last run is still going: one waits
     ├────> late ──> caught_up           nobody was there at its instant: it runs afterwards
     └────> skipped, missed              and why

Nothing goes back: what has ended stays as it is, and a slot that was skipped or missed is never run.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal, assert_never

from midwatch.triggers import SchedulePolicy

SlotState = Literal["due", "queued", "late", "ran", "caught_up", "skipped", "missed"]
SlotWhy = Literal["", "asleep", "overlap", "asking", "halt", "level", "budget", "breaker", "cancelled"]

OPEN: Final[frozenset[SlotState]] = frozenset({"due", "queued", "late"})
"""Of a slot whose run is still to begin."""
AWAY: Final = timedelta(minutes=5)
"""Without a look at an agent's slots for so long, nobody was there."""
PUNCTUAL: Final = timedelta(minutes=2)
"""A run that begins within so much of its instant is on time, though nobody was there at the instant itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where one slot stands."""

    instant: datetime
    state: SlotState = "due"
    why: SlotWhy = ""
    reason: str = ""
    """One clause for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Going:
    """A run of the agent that is at work: one that waits for a person is not."""

    run_id: str
    scheduled: bool
    """A schedule started it: no other is ever replaced."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Why no slot of the agent is run now."""

    why: SlotWhy
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Around:
    """What is known at the moment of the decision."""

    now: datetime
    away_since: datetime | None = None
    """When somebody last looked, where that is longer ago than `AWAY`."""
    going: Going | None = None
    stopped: Stopped | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    changed: tuple[Account, ...] = ()
    replaces: str | None = None
    """The run that is to be halted, for the slot that waits."""


def slot_name(instant: datetime) -> str:
    """The slot of a scheduled instant: the same in every time zone, and of every schedule that names it."""
    return f"schedule {instant.astimezone(UTC).isoformat(timespec='seconds')}"


def begins(agent: str, instant: datetime, policy: SchedulePolicy) -> datetime:
    """The instant and its jitter, which is the same for the same slot on every machine."""
    digest = hashlib.sha256(f"{agent} {slot_name(instant)}".encode()).digest()
    return instant + timedelta(seconds=int.from_bytes(digest[:8]) % (policy.jitter_seconds + 1))


def away_since(looked: datetime | None, now: datetime) -> datetime | None:
    """Since when nobody was there, if nobody was."""
    return looked if looked is not None and now - looked > AWAY else None


def decide(agent: str, policy: SchedulePolicy, waiting: Sequence[Account], around: Around) -> Decided:
    """What becomes of the slots whose run is still to begin.

    Args:
        waiting: Open ones, oldest first.
    """
    if around.stopped is not None:
        stopped = around.stopped
        return Decided(
            changed=tuple(replace(a, state="skipped", why=stopped.why, reason=stopped.reason) for a in waiting)
        )
    asleep = _asleep(agent, policy, waiting, around)
    after = _one_after_the_other(policy, _caught_up(policy, waiting, asleep), asleep, around.going)
    changed = tuple(new for old, new in zip(waiting, after, strict=True) if new != old)
    return Decided(changed=changed, replaces=_replaced(policy, after, around.going))


def _asleep(agent: str, policy: SchedulePolicy, waiting: Sequence[Account], around: Around) -> frozenset[datetime]:
    """The slots that nobody was there for."""
    since = around.away_since
    if since is None:
        return frozenset()
    in_time = around.now - PUNCTUAL
    return frozenset(
        one.instant
        for one in waiting
        if one.state == "due" and one.instant > since and begins(agent, one.instant, policy) < in_time
    )


def _caught_up(policy: SchedulePolicy, waiting: Sequence[Account], asleep: frozenset[datetime]) -> list[Account]:
    if not asleep:
        return list(waiting)
    after = [_late(one) if one.instant in asleep else one for one in waiting]
    match policy.missed:
        case "all":
            return after
        case "skip":
            return [_missed(one, "its agent skips what it misses") if one.instant in asleep else one for one in after]
        case "once":
            runs = after[-1]
            then = f"the slot of {_at(runs.instant)} is run for it"
            return [_missed(one, then) if one.state == "late" and one is not runs else one for one in after]
        case _:
            assert_never(policy.missed)


def _one_after_the_other(
    policy: SchedulePolicy, waiting: list[Account], asleep: frozenset[datetime], going: Going | None
) -> list[Account]:
    """Slots that are due while another run is at work, or about to be, by the agent's policy."""
    running = f"run {going.run_id} was still going" if going else ""
    latest = max((one.instant for one in waiting if one.state in ("due", "queued")), default=None)
    one_waits, ahead = any(one.state == "queued" for one in waiting), running
    after: list[Account] = []
    for one in waiting:
        if one.state == "due" and ahead:
            one = _overlapping(policy, one, ahead, latest, one_waits=one_waits)
            one_waits = one_waits or one.state == "queued"
        elif one.state == "late" and running and one.instant in asleep and policy.overlap == "skip":
            one = _skipped(one, running)
        elif one.state in ("due", "queued") and policy.overlap == "replace" and one.instant != latest:
            one = _skipped(one, f"a later slot replaced it: {_at(latest or one.instant)}")
        if one.state in OPEN:
            ahead = ahead or f"the slot of {_at(one.instant)} had not begun yet"
        after.append(one)
    return after


def _overlapping(
    policy: SchedulePolicy, one: Account, ahead: str, latest: datetime | None, *, one_waits: bool
) -> Account:
    match policy.overlap:
        case "queue" if one_waits:
            return _skipped(one, f"{ahead}, and one slot waits already")
        case "queue":
            return replace(one, state="queued", why="", reason=f"{ahead}: it waits")
        case "skip":
            return _skipped(one, ahead)
        case "replace" if one.instant == latest:
            return replace(one, state="queued", why="", reason=f"{ahead}: it takes its place")
        case "replace":
            return _skipped(one, f"a later slot replaced it: {_at(latest or one.instant)}")
        case _:
            assert_never(policy.overlap)


def _replaced(policy: SchedulePolicy, after: Sequence[Account], going: Going | None) -> str | None:
    if policy.overlap != "replace" or going is None or not going.scheduled:
        return None
    return going.run_id if any(one.state == "queued" for one in after) else None


def _late(one: Account) -> Account:
    return replace(one, state="late", why="asleep", reason="nobody was there at its instant: it runs late")


def _missed(one: Account, then: str) -> Account:
    return replace(one, state="missed", why="asleep", reason=f"nobody was there at its instant, and {then}")


def _skipped(one: Account, reason: str) -> Account:
    return replace(one, state="skipped", why="overlap", reason=reason)


def _at(instant: datetime) -> str:
    return f"{instant.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
