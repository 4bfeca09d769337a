"""Tools: what does an agent remember from run to run? Its own notes, Markdown files that a person can read and edit."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field
from pydantic_ai.exceptions import ModelRetry, ToolFailed

from midwatch.risk import ProbeAnswer, ToolFacts
from midwatch.run import RunFacts
from tasks.tools.folder import Folder
from tasks.tools.functions import Offered

MOST_NOTES: Final = 50
NOTE_CHARACTERS: Final = 2_000
SHOWN_CHARACTERS: Final = 12_000
"""Of all notes together, newest first: they are read into every conversation that asks."""


@dataclass(frozen=True)
class Notes:
    """One agent's notes: `notes/AGENT/TITLE.md` under Midwatch's own folder."""

    folder: Folder

    def read_notes(self) -> str:
        """Read the notes that you wrote in earlier runs, newest first."""
        there = self._there()
        newest = sorted(there, key=lambda name: (-there[name], name))
        texts = [self.folder.read(name, 4 * NOTE_CHARACTERS).decode("utf-8", "replace") for name in newest]
        shown = "\n\n".join(texts)
        return (
            f"{shown[:SHOWN_CHARACTERS]}\n[older notes left out]"
            if len(shown) > SHOWN_CHARACTERS
            else shown or "(none)"
        )

    def write_note(
        self,
        title: Annotated[str, Field(min_length=1, max_length=80)],
        text: Annotated[str, Field(max_length=NOTE_CHARACTERS)],
    ) -> str:
        """Write a note for later runs. A note with the same title is replaced.

        Args:
            title: What the note is about, in a few words.
            text: The note, in Markdown.
        """
        name = file_name(title)
        there = self._there()
        if name not in there and len(there) >= MOST_NOTES:
            raise ModelRetry(f"There are {MOST_NOTES} notes already, the most there may be. Replace one, by its title.")
        self.folder.write(name, written(title, text))
        return f"Noted under {title!r}."

    async def was_noted(self, _facts: RunFacts, args: Mapping[str, Any]) -> ProbeAnswer:
        """After a crash: is the note there?"""
        try:
            there = self.folder.read(file_name(args["title"]), 4 * NOTE_CHARACTERS + 400)
        except (ToolFailed, ModelRetry):
            return "did_not_happen"
        return "happened" if there == written(args["title"], args["text"]) else "did_not_happen"

    def _there(self) -> dict[str, float]:
        try:
            return {name: state.st_mtime for name, state in self.folder.names("") if name.endswith(".md")}
        except ToolFailed:
            return {}


def file_name(title: str) -> str:
    """`Disk on host-3` -> `disk-on-host-3.md`."""
    slug = re.sub(r"[^\w]+", "-", title.casefold()).strip("-_")
    if not slug:
        raise ModelRetry(f"The title {title!r} has no letters or digits. Give it some.")
    return f"{slug}.md"


def written(title: str, text: str) -> bytes:
    """The note's file."""
    return f"# {title}\n\n{text.strip()}\n".encode()


def note_tools(facts: RunFacts, *, where: str) -> list[Offered]:
    """read_notes and write_note for this run's agent. What was noted may have come from outside: not trusted."""
    notes = Notes(Folder(root=facts.home.absolute() / "notes" / facts.agent))
    read = ToolFacts(risk="read", idempotent=True, untrusted=True)
    write = ToolFacts(risk="note", idempotent=True, untrusted=False, private=False, probe=notes.was_noted)
    return [
        Offered(function=notes.read_notes, facts=read, where=where),
        Offered(function=notes.write_note, facts=write, where=where),
    ]
