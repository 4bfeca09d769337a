"""The ledger: does every level follow from grants that could be given? Replayed from the journal, in its order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final

from midwatch.approval import is_person
from midwatch.ledger.journal import Link
from midwatch.ledger.levels import UNGRANTED

BEHIND: Final = timedelta(minutes=1)
"""A run's level is worked out before the run is entered; what is taken back between the two counts from its next effect on."""

HEARD: Final = frozenset({"level_granted", "run_started", "class_moved"})
"""The kinds of entries that `Rungs.hear` knows."""


@dataclass
class _Stands:
    """One agent, by the grants so far."""

    level: int = UNGRANTED
    until: datetime | None = None
    before: int = UNGRANTED
    """What stood until the latest grant."""
    since: datetime | None = None

    def at(self, now: datetime) -> int:
        over = self.until is not None and self.until <= now
        return min(self.level, UNGRANTED) if over else self.level

    def lately(self, now: datetime) -> int:
        """The highest that stood within `BEHIND`."""
        then = now - BEHIND
        earlier = self.before if self.since is not None and self.since > then else 0
        return max(self.at(now), self.at(then), earlier)


@dataclass
class Rungs:
    """Every agent's level, as the journal has it so far."""

    stands: dict[str, _Stands] = field(default_factory=dict)

    def hear(self, link: Link, body: dict[str, Any]) -> Iterator[str]:
        """What is wrong with it."""
        match link.kind:
            case "level_granted":
                yield from self._granted(link, body)
            case "run_started":
                yield from self._started(link, body)
            case "class_moved" if body["stands"] == "allow":
                yield from _opened(body)

    def _granted(self, link: Link, body: dict[str, Any]) -> Iterator[str]:
        agent, level, at = body["agent"], body["level"], datetime.fromisoformat(link.at)
        it = self.stands.setdefault(agent, _Stands())
        stood = it.at(at)
        until = body["until"] and datetime.fromisoformat(body["until"])
        said = f"grant {body['grant_id']} puts {agent} on level {level}"
        if level > stood + 1:
            yield f"{said}, and it stood at {stood}: a rung is skipped"
        if level > stood and not is_person(body["by"], agent):
            yield f"{said}, higher than the {stood} before, by {body['by']!r}, who is no person"
        if level > max(stood, UNGRANTED) and until is None and body.get("basis") in (None, "override"):
            yield f"{said} without evidence, and without an end"
        self.stands[agent] = _Stands(level=level, until=until, before=stood, since=at)

    def _started(self, link: Link, body: dict[str, Any]) -> Iterator[str]:
        agent, at = body["agent"], datetime.fromisoformat(link.at)
        most = self.stands.setdefault(agent, _Stands()).lately(at)
        if body["level"] > most:
            yield f"run {link.run_id} of {agent} began at level {body['level']}, and {most} was the most that was granted"


def _opened(body: dict[str, Any]) -> Iterator[str]:
    said = f"class move {body['move_id']} lets {body['rule']} of {body['agent']} go unasked"
    if not is_person(body["by"], body["agent"]):
        yield f"{said}, by {body['by']!r}, who is no person"
    if body["basis"] not in ("earned", "override"):
        yield f"{said} on no ground that there is ({body['basis']})"
    if body["basis"] == "override" and body["until"] is None:
        yield f"{said} without evidence, and without an end"
