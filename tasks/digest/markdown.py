"""Digest: as Markdown, for the artifact in Prefect's UI."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from midwatch.characters import visible
from midwatch.digest import Digest, Line, Section
from midwatch.timeline import text_picture
from tasks.digest.links import Links
from tasks.digest.text import left_out

_MARKUP: Final = re.compile(r"([\\`*_\[\]<>&~|#!])")


def as_markdown(digest: Digest, links: Links) -> str:
    """All of it; every foreign word is a code span."""
    picture = text_picture(digest.timeline)
    parts = [
        f"# {escaped(digest.title)}",
        "\n".join(f"- {_words(line)}" for line in digest.headline),
        *([f"```text\n{picture.replace('`', 'ˋ')}\n```"] if picture else []),
        *("\n".join(_section(section, links)) for section in digest.sections),
    ]
    return "\n\n".join(parts) + "\n"


def _section(section: Section, links: Links) -> Iterator[str]:
    yield f"## {escaped(section.title)}\n"
    for line in section.lines:
        yield f"- {_words(line)}{_see(line, links)}"
    if more := left_out(section):
        yield f"- {escaped(more)}"


def _words(line: Line) -> str:
    return "".join(escaped(part) if isinstance(part, str) else span(part.line) for part in line.parts)


def _see(line: Line, links: Links) -> str:
    if line.see is None:
        return ""
    link = links.of(line.see)
    return f" · [{escaped(link.label)}]({link.address})" if link else f" · {span(line.see.command)}"


def escaped(text: str) -> str:
    """`text` as it is, whatever it holds."""
    return _MARKUP.sub(r"\\\1", visible(text).replace("\n", " "))


def span(text: str) -> str:
    """Text as a code span, in one line."""
    line = visible(" ".join(text.split())) or "–"
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    pad = " " if line[0] == "`" or line[-1] == "`" else ""
    return f"{fence}{pad}{line}{pad}{fence}"
