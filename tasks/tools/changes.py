"""Tools: what would become of a file? As a person reads it before they say yes."""

from __future__ import annotations

import difflib
from typing import Final

from midwatch.ask_context import Preview

COMPARED: Final = 5_000
"""Lines of both files together that are compared; the time for it can grow with the square."""
NO_NEWLINE: Final = "\\ No newline at end of file"


def change_of(path: str, old: bytes | None, new: str) -> Preview | None:
    """What writing `new` changes; None where only the whole content says it (a new file, no text, too much to compare).

    Args:
        old: the file as it is; None where there is none.
    """
    if old is None:
        return Preview(label="There is no such file yet; all of it would be", text=new, instead_of=("content",))
    try:
        before = old.decode("utf-8")
    except UnicodeDecodeError:
        return None
    if before == new:
        return Preview(label="Nothing would change: the file holds this already", text=new, instead_of=("content",))
    lines, others = before.split("\n"), new.split("\n")
    if len(lines) + len(others) > COMPARED:
        return None
    return Preview(
        label=f"What would change in {path}", text=_diff(lines, others), form="diff", instead_of=("content",)
    )


def _diff(before: list[str], after: list[str]) -> str:
    """A unified diff without its heading; the end of a file that has no newline is said, as `diff` says it."""
    found = list(difflib.unified_diff(_terminated(before), _terminated(after), lineterm="", n=3))
    return "\n".join(found[2:])


def _terminated(lines: list[str]) -> list[str]:
    """Lines of a file split at newlines: the empty one behind the last newline is none."""
    return lines[:-1] if lines[-1] == "" else [*lines[:-1], f"{lines[-1]}\n{NO_NEWLINE}"]
