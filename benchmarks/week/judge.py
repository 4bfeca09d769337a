"""A week alone: is it so? The world is read back, by code that shares nothing with the contracts, and held against outcomes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from agents.inbox_triage.concern import concern_of
from benchmarks.week.mail import LABELS, Message, of_file

AREAS: Final = ("disk", "memory", "load", "logs", "units", "temporary")
GREEN: Final = ("verified", "verified_noop")

Colour = Literal["right", "false green", "false red", "red"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Before:
    """The world when a run began."""

    at: float
    """Real seconds."""
    inbox: Mapping[str, str] = field(default_factory=dict)
    """SHA-256 by name."""
    old_files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    project: Path
    temporary: Path

    def before(self, agent: str, at: float) -> Before:
        """What there is for this agent to do."""
        if agent == "inbox-triage":
            return Before(at=at, inbox={path.name: _digest(path) for path in self._in("inbox")})
        return Before(at=at, old_files=tuple(sorted(self.temporary.glob("old-*"))))

    def wrong(self, agent: str, before: Before, report: str) -> list[str]:
        """Everything that is not as it should be after a run that is done.

        Args:
            report: The file of a machine report, relative to the project.
        """
        if agent == "inbox-triage":
            return [said for name, sha in before.inbox.items() for said in self._message(name, sha)]
        return self._report(self.project / report, before)

    def lost(self, delivered: Mapping[str, str]) -> list[str]:
        """Messages that are nowhere, or twice, or not as they came; and files that should have stayed."""
        found = [_digest(path) for folder in (*LABELS, "inbox") for path in self._in(folder)]
        return [name for name, sha in delivered.items() if found.count(sha) != list(delivered.values()).count(sha)]

    def _in(self, folder: str) -> list[Path]:
        return sorted((self.project / "mail" / folder).glob("*.eml"))

    def _message(self, name: str, sha: str) -> list[str]:
        message = of_file(name)
        places = [label for label in LABELS if (self.project / "mail" / label / name).exists()]
        if (self.project / "mail" / "inbox" / name).exists() or len(places) != 1:
            return [f"{name} lies in {', '.join(places) or 'no folder'}"]
        if _digest(self.project / "mail" / places[0] / name) != sha:
            return [f"{name} is not what it was"]
        wrong = [] if message.fits(places[0]) else [f"{name} lies in {places[0]}"]
        draft = self.project / "mail" / "drafts" / f"{Path(name).stem}.txt"
        if draft.exists() != may_have_draft(message, places[0]):
            wrong.append(f"{name} has {'a' if draft.exists() else 'no'} draft")
        return wrong

    def _report(self, path: Path, before: Before) -> list[str]:
        if not path.is_file():
            return [f"there is no {path.name}"]
        text = path.read_text()
        rows = re.findall(r"^\| (\w+) \| (ok|warning|critical|unknown) \| \S", text, re.MULTILINE)
        wrong = [area for area in AREAS if [row[0] for row in rows].count(area) != 1]
        said = [f"{path.name} does not say once how {area} is" for area in wrong]
        kept = [one.name for one in before.old_files if one.exists() and f"`{one}`" in text]
        unseen = [one.name for one in before.old_files if one.exists() and f"`{one}`" not in text]
        return [*said, *(f"{name} was not deleted" for name in kept), *(f"{name} was not seen" for name in unseen)]


def may_have_draft(message: Message, label: str) -> bool:
    """As the agent's file promises it: for a person who waits, and about nothing that is sensitive."""
    sensitive = any(message.facts.values()) or concern_of(message.mail) != "nothing"
    person = message.mail.sent_by in ("a person", "a colleague")
    return message.needs_reply and person and label != "automated" and not sensitive


def coloured(outcome: str, wrong: Sequence[str], *, had_work: bool) -> Colour:
    """A run that is green although something is wrong, and one that is not although nothing is."""
    if outcome in GREEN:
        return "false green" if wrong or (outcome == "verified_noop" and had_work) else "right"
    return "red" if wrong or not had_work else "false red"


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
