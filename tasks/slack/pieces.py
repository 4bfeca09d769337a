"""Slack: what of a question has to be seen, and what of it is seen? What is unseen is not approved."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, assert_never

from midwatch.calls import visible
from midwatch.ledger import AskRow
from tasks.slack.rich import Part, fixed, line, quoted, says

LINE: Final = 40
"""Characters that a line feed counts for: many short lines are as long as few long ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    label: str
    text: str
    form: Literal["argument", "prose", "quote"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sight:
    """What is seen of a question."""

    pieces: tuple[Piece, ...]
    hidden: int
    """Characters that are not."""
    total: int


def pieces_of(row: AskRow) -> tuple[Piece, ...]:
    """All that a person has to see of a question before a yes."""
    arguments = json.loads(row.args_json)
    pieces = [Piece(label=readable(name), text=readable(value), form="argument") for name, value in arguments.items()]
    match row.kind:
        case "answer":
            pieces = [Piece(label="Question", text=str(arguments.get("question", row.args_json)), form="quote")]
            if options := arguments.get("options"):
                pieces.append(Piece(label="Options", text=readable(options), form="argument"))
        case "approve":
            why = row.reason.replace(f"`{row.tool} {row.args_json}`", f"`{row.tool}`")
            rule = "" if not row.rule or f"rule {row.rule}" in why else f" (rule {row.rule})"
            pieces.append(Piece(label="Why you are asked", text=why + rule, form="prose"))
        case "park" | "settle":
            pieces.append(Piece(label="What happened", text=row.reason, form="prose"))
        case unknown:
            assert_never(unknown)
    words = Piece(label="The agent's own words", text=row.words, form="quote")
    return tuple(piece for piece in (*pieces, words) if piece.text)


def readable(value: Any) -> str:
    """As it is where that can be read; as JSON where it would be lost."""
    if isinstance(value, str):
        return value if value and value == value.strip() else json.dumps(value, ensure_ascii=False)
    nested = isinstance(value, dict | list) and bool(value)
    return json.dumps(value, ensure_ascii=False, indent=2 if nested else None)


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
        case "prose":
            return [line(says(f"{piece.label}: ", bold=True), says(piece.text))]
        case "quote":
            return [line(says(f"{piece.label}:", bold=True)), quoted(piece.text)]
        case unknown:
            assert_never(unknown)
