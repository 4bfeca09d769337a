"""Permissions: how does a request read above Prefect's form? All of it, nothing cut, nothing of an agent's as markup."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, Literal, assert_never

from midwatch.calls import visible
from midwatch.characters import on_one_line
from midwatch.request import Piece, Question

WIDTH: Final = 56
"""Characters that a line of code may have in Prefect's forms until it runs out of sight."""


def request_markdown(questions: Sequence[Question], cost: str) -> str:
    """What the agent wants, why, and what happens on yes, on no and on silence; all of it, nothing cut.

    Args:
        questions: those of one run that wait.
        cost: of the run so far.
    """
    agent, purpose = questions[0].ask.agent, questions[0].context.purpose
    head = f"**{agent}** needs your decision.\n\n*{_plain(purpose)}*\n"
    means = dict.fromkeys(_either_way(question) for question in questions)
    over = "**Take over** ends the run here: you go on with its work, and nothing that waits is done."
    return "\n".join([head, *map(_one, questions), *means, f"{over}\n\nSo far: {cost}."])


def _either_way(question: Question) -> str:
    then = question.consequences
    return f"**On yes** {then.yes}. **On no** {then.no}. **On silence**, at the deadline, {then.silence}.\n"


def _one(question: Question) -> str:
    ask = question.ask
    lines = [f"\n### {question.number} · {_code(ask.tool)}\n"]
    if question.note:
        lines.append(f"**Asked again:** {_plain(question.note)}\n")
    lines += [_piece(piece) for piece in question.pieces]
    if ask.deadline:
        lines.append(f"\n**Deadline:** {ask.deadline:%Y-%m-%d %H:%M} UTC\n")
    return "\n".join(lines)


def _piece(piece: Piece) -> str:
    match piece.form:
        case "argument" if _lies_in_lines(piece.text):
            return f"- {_code(piece.label)}:\n{_fenced(piece.text)}"
        case "argument":
            return f"- {_code(piece.label)}: {_code(piece.text)}\n"
        case "quote":
            return f"\n{_plain(piece.label)}:\n{_quoted(piece.text)}"
        case "lines" | "diff":
            return f"\n**{_plain(piece.label)}:**\n{_fenced(piece.text, piece.form)}"
        case unknown:
            assert_never(unknown)


def _lies_in_lines(text: str) -> bool:
    return any(blank in text.strip() for blank in ("\n", "\t", "  "))


def _code(text: str) -> str:
    """One line as code, whatever is in it: no markup, no links, no images. A line break would end it."""
    text = on_one_line(text)
    fence = "`" * (_longest_run_of_backticks(text) + 1)
    pad = " " if "`" in (text[:1], text[-1:]) else ""
    return f"{fence}{pad}{visible(text)}{pad}{fence}"


def _plain(text: str) -> str:
    """One line as prose, whatever is in it: Markdown takes punctuation after a backslash as itself."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", visible(text).replace("\n", " "))


def _quoted(text: str) -> str:
    """Prose of any length, as a quotation; nothing in it is markup."""
    return "\n" + "\\\n".join(f"> {_plain(line)}" for line in text.strip().split("\n")) + "\n"


def _fenced(text: str, kind: Literal["lines", "diff"] = "lines") -> str:
    """Lines as code. Long ones are broken: the forms would let them run out of sight, and what is unseen is not approved."""
    fence = "`" * max(3, _longest_run_of_backticks(text) + 1)
    shown = "\n".join(_broken(line) for line in visible(text).split("\n"))
    return f"\n{fence}{'diff' if kind == 'diff' else 'text'}\n{shown}\n{fence}\n"


def _broken(line: str) -> str:
    return "\n⤷ ".join(line[start : start + WIDTH] for start in range(0, max(len(line), 1), WIDTH))


def _longest_run_of_backticks(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)
