"""Digest: as plain text, for a terminal, a webhook and the text part of a letter."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from midwatch.characters import visible
from midwatch.digest import Digest, Foreign, Line, Section
from midwatch.timeline import text_picture

_MARKUP: Final = (("<", "⟨"), (">", "⟩"), ("@", "＠"), ("://", "[:]//"), ("](", "] ("))
"""Mentions and links, as the services spell them behind a webhook; each takes text for markup in its own way."""


def as_text(digest: Digest) -> str:
    """All of it, in lines. Nothing that others wrote becomes a mention or a link, wherever it is shown."""
    picture = text_picture(digest.timeline)
    parts = [digest.title, "\n".join(map(_words, digest.headline)), *([picture] if picture else [])]
    return "\n\n".join([*parts, *("\n".join(_section(section)) for section in digest.sections)]) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield section.title.upper()
    for line in section.lines:
        yield f"- {_words(line)}{_see(line)}"
    if more := left_out(section):
        yield f"  {more}"


def _words(line: Line) -> str:
    return "".join(_harmless(part.line) if isinstance(part, Foreign) else part for part in line.parts)


def _harmless(text: str) -> str:
    text = visible(text)
    for mark, instead in _MARKUP:
        text = text.replace(mark, instead)
    return text


def _see(line: Line) -> str:
    return f"  [{line.see.command}]" if line.see else ""


def left_out(section: Section) -> str:
    """What the section does not show, and where it is; empty where it shows all."""
    if not section.left_out:
        return ""
    return f"and {section.left_out} more" + (f": {section.see.command}" if section.see else "")
