"""The page: how is it said? Times, headings, buttons and what stands, in words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from midwatch.ledger import AskKind, AskRow
from midwatch.request import Question
from tasks.page.meaning import Act

BUTTONS: Final[dict[tuple[AskKind, Act], str]] = {
    ("approve", "approve"): "Approve",
    ("approve", "always"): "Approve, and propose a rule for the next time",
    ("approve", "deny"): "Deny",
    ("park", "approve"): "Try again",
    ("park", "deny"): "End the run",
    ("answer", "answer"): "Send this answer",
    ("answer", "deny"): "Do not answer",
    ("settle", "happened"): "It happened",
    ("settle", "did_not_happen"): "It did not happen",
}
PLANTED: Final = (
    "This one was made up, to measure whether bad proposals are noticed; nothing would have run on a yes. "
    "What was wrong with it: "
)


def title(agent: str, questions: Sequence[Question]) -> str:
    """What the page is about, for the tab, the history and a screen reader."""
    waiting = [one.ask for one in questions if one.ask.verdict is None]
    if not waiting:
        said = {_verdict(one.ask) for one in questions}
        about = questions[0].ask.tool if len(questions) == 1 else f"{len(questions)} questions"
        return f"{agent}: {about}, {said.pop() if len(said) == 1 else 'decided'}"
    return asks(agent, waiting)


def asks(agent: str, waiting: Sequence[AskRow]) -> str:
    """What an agent asks for, in a line."""
    if len(waiting) > 1:
        tools = {row.tool for row in waiting if row.kind == "approve"}
        same = len(tools) == 1 and all(row.kind == "approve" for row in waiting)
        return (
            f"{agent} asks: {tools.pop()}, {len(waiting)} times" if same else f"{agent} asks {len(waiting)} questions"
        )
    (row,) = waiting
    match row.kind:
        case "approve":
            return f"{agent} asks: {row.tool}"
        case "answer":
            return f"{agent} asks you a question"
        case "park":
            return f"{agent} cannot go on"
        case "settle":
            return f"{agent}: did {row.tool} happen?"


def standing(row: AskRow) -> str:
    """Who decided what, where and when."""
    when = f", {moment(row.decided_at)}" if row.decided_at else ""
    return f"{_verdict(row)} by {row.by} through {row.via}{when}"


def _verdict(row: AskRow) -> str:
    return (row.verdict or "").replace("_", " ")


def moment(at: datetime) -> str:
    """By the server's clock and in UTC."""
    here, there = at.astimezone(), at.astimezone(UTC)
    if not here.utcoffset():
        return f"{there:%a %d %b %H:%M} UTC"
    return f"{here:%a %d %b %H:%M %Z} ({there:%H:%M} UTC)"


def dated(at: datetime) -> str:
    """With its year, of what stays for long; by the server's clock."""
    return f"{at.astimezone():%a %d %b %Y %H:%M %Z}"


def left(deadline: datetime, now: datetime) -> str:
    """`in 2 h 10 min`."""
    return f"in {span(deadline - now)}" if deadline > now else "passed"


def span(length: timedelta) -> str:
    minutes = max(round(length.total_seconds() / 60), 0)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    parts = [(days, "days" if days > 1 else "day"), (hours, "h"), (0 if days else rest, "min")]
    return " ".join(f"{count} {unit}" for count, unit in parts if count) or "less than a minute"
