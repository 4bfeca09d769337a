"""Digest: as plain text, for a terminal, a webhook and the text part of a letter."""

from __future__ import annotations

from collections.abc import Iterator

from midwatch.digest import Digest, Line, Section
from midwatch.timeline import text_picture


def as_text(digest: Digest) -> str:
    """All of it, in lines."""
    picture = text_picture(digest.timeline)
    parts = [digest.title, "\n".join(line.text for line in digest.headline), *([picture] if picture else [])]
    return "\n\n".join([*parts, *("\n".join(_section(section)) for section in digest.sections)]) + "\n"


def _section(section: Section) -> Iterator[str]:
    yield section.title.upper()
    for line in section.lines:
        yield f"- {line.text}{_see(line)}"
    if more := left_out(section):
        yield f"  {more}"


def _see(line: Line) -> str:
    return f"  [{line.see.command}]" if line.see else ""


def left_out(section: Section) -> str:
    """What the section does not show, and where it is; empty where it shows all."""
    if not section.left_out:
        return ""
    return f"and {section.left_out} more" + (f": {section.see.command}" if section.see else "")
