"""Tools: what would become of a file? As a person reads it before they say yes."""

from __future__ import annotations

import difflib
from typing import Final

from midwatch.ask_context import LONGEST, Preview
from tasks.tools.there import There

COMPARED: Final = 5_000
"""Lines of both files together that are compared; the time for it can grow with the square."""
NO_NEWLINE: Final = "\\ No newline at end of file"
LABEL: Final = "What it would change"
"""Midwatch's own words alone: the path is the agent's, and is shown as an argument."""
NEW: Final = "There is no such file yet; all of it would be"
SAME: Final = "Nothing would change: the file holds this already"


def change_of(old: There | None, new: str) -> Preview:
    """What writing `new` changes; where that cannot be shown, which file it replaces. The content is then an argument.

    Args:
        old: the file as it is; None where there is none.
    """
    if old is None:
        return Preview(label=NEW, text=new, instead_of=("content",), before="")
    if not old.whole:
        return _replaced(old, "too long to be compared")
    try:
        text = old.start.decode("utf-8")
    except UnicodeDecodeError:
        return _replaced(old, "not text")
    if text == new:
        return Preview(label=SAME, text=new, instead_of=("content",), before=old.before)
    lines, others = text.split("\n"), new.split("\n")
    if len(lines) + len(others) > COMPARED:
        return _replaced(old, "too long to be compared")
    diff = _diff(lines, others)
    if len(diff) > LONGEST:
        return _replaced(old, "too long to be compared")
    return Preview(label=LABEL, text=diff, form="diff", instead_of=("content",), before=old.before)


def size_of(there: There) -> str:
    """Which file it is, in Midwatch's words."""
    return f"{there.size:,} bytes, SHA-256 {there.sha256[:12]}…, last changed {there.changed:%Y-%m-%d %H:%M} UTC"


def _replaced(old: There, why: str) -> Preview:
    text = f"It replaces a file ({size_of(old)}). It is {why}, so the change is not shown."
    return Preview(label=LABEL, text=text, before=old.before)


def _diff(before: list[str], after: list[str]) -> str:
    """A unified diff without its heading; the end of a file that has no newline is said, as `diff` says it."""
    found = list(difflib.unified_diff(_terminated(before), _terminated(after), lineterm="", n=3))
    return "\n".join(found[2:])


def _terminated(lines: list[str]) -> list[str]:
    """Lines of a file split at newlines: the empty one behind the last newline is none."""
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\n{NO_NEWLINE}"]
