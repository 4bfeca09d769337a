"""Monitoring: how does text that nobody vouches for get into a report? As code: no markup, no links, nothing unseen."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from midwatch.characters import visible

NOTHING = "–"


def code(text: str, *, at_most: int = 300) -> str:
    """One line of `text` as a code span, which also survives as a table's cell."""
    line = re.sub(r"\r\n?|\n", "⏎", text).strip()
    if not line:
        return NOTHING
    shown = visible(shorten(line, at_most=at_most).replace("\t", " "))
    shown = re.sub(r"\\+(?=\|)", lambda run: "⧵" * len(run[0]), shown).replace("|", r"\|")
    fence = _longer_than_in(shown, at_least=1)
    pad = " " if shown[0] == "`" or shown[-1] == "`" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def fenced(text: str, *, at_most: int = 3000) -> str:
    """`text` as a code block."""
    shown = visible(shorten(text.strip().replace("\r\n", "\n"), at_most=at_most))
    fence = _longer_than_in(shown, at_least=3)
    return f"{fence}text\n{shown}\n{fence}"


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table; the cells are Markdown already."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def shorten(text: str, *, at_most: int) -> str:
    """`text`, cut where it is longer, saying by how much."""
    return text if len(text) <= at_most else f"{text[:at_most]} … ({len(text) - at_most} more characters)"


def _longer_than_in(text: str, *, at_least: int) -> str:
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    return "`" * max(at_least, longest + 1)
