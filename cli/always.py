"""`midwatch approve --always`: which narrow rule would have answered this? Proposed, and never put into force by itself."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from contextlib import AsyncExitStack

import typer

from cli.home import House, locate
from cli.proposals import save
from cli.rulebook import Rulebook, open_rulebook
from midwatch.calls import parse_call, visible
from midwatch.errors import MidwatchError
from midwatch.ledger import AskRow
from midwatch.policy.narrow import Unallowable, narrow


def propose(approved: Sequence[AskRow]) -> None:
    """Write down a proposal for each call that was said yes to, or say why there is none. The yes stands either way."""
    house = locate(os.environ)
    try:
        lines = asyncio.run(_proposed(house, [row for row in approved if row.kind == "approve"]))
    except MidwatchError as error:
        lines = [f"No rule is proposed: {error}"]
    for line in lines:
        typer.echo(visible(line))


async def _proposed(house: House, rows: Sequence[AskRow]) -> list[str]:
    lines: list[str] = []
    for row in rows:
        async with AsyncExitStack() as stack:
            book = await open_rulebook(row.agent, house, stack, also=[row.tool])
            lines.append(_line(house, book, row))
    return lines


def _line(house: House, book: Rulebook, row: AskRow) -> str:
    call, around = parse_call(row.tool, row.args_json), book.around(row.tool)
    if book.policy.decide(call, around).verdict == "allow":
        return f"{row.tool}: its rules allow it already; what asked is the run's level ({row.reason})"
    found = narrow([call], book.trial, around)
    if isinstance(found, Unallowable):
        return f"{row.tool}: no rule is proposed: {found.why}"
    one = save(house, row.agent, found, asked=f"run {row.run_id[:8]}, {row.tool}", by=row.by or "")
    return f"{row.tool}: a rule is proposed as {one.id}; `midwatch rules proposals` shows it, and nothing changes by itself"
