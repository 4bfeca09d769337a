"""Slack: what of a question has to be seen, and what of it is seen? What is unseen is not approved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, assert_never

from midwatch.calls import visible
from midwatch.request import Piece
from tasks.slack.rich import Part, fixed, line, quoted, says

LINE: Final = 40
"""Characters that a line feed counts for: many short lines are as long as few long ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is seen of a question."""

    pieces: tuple[Piece, ...]
    hidden: int
    """Characters that are not."""
    total: int


def sight(pieces: Sequence[Piece], room: int) -> Sight:
    """As much as `room` characters take, from the first on."""
    seen: list[Piece] = []
    for piece in pieces:
        room -= len(visible(piece.label))
        text = _within(piece.text, room)
        room -= _length(text)
        if text:
            seen.append(replace(piece, text=text))
    total = sum(len(piece.text) for piece in pieces)
    return Sight(pieces=tuple(seen), hidden=total - sum(len(piece.text) for piece in seen), total=total)


def _within(text: str, room: int) -> str:
    if _length(text) <= room:
        return text
    for place, character in enumerate(text):
        room -= _length(character)
        if room < 0:
            return text[:place]
    return text


def _length(text: str) -> int:
    return len(visible(text)) + (LINE - 1) * text.count("\n")


def elements_of(piece: Piece) -> list[Part]:
    """The piece as rich text; an argument's name cannot pass for a heading of Midwatch's."""
    match piece.form:
        case "argument" if "\n" in piece.text or len(piece.text) > LINE:
            return [line(says(piece.label, code=True)), fixed(piece.text)]
        case "argument":
            return [line(says(piece.label, code=True), says("  "), says(piece.text, code=True))]
        case "quote":
            return [line(says(f"{piece.label}:", bold=True)), quoted(piece.text)]
        case "lines" | "diff":
            return [line(says(f"{piece.label}:", bold=True)), fixed(piece.text)]
        case unknown:
            assert_never(unknown)
