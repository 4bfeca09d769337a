"""`midwatch approve --always`, and on the page: which narrow rule would have answered this? Proposed, never put into force.

The page runs it as `python -m cli.always ASK ...`, which prints a JSON list: an agent's own tools, which have to be imported
to know its rules, have no business in the process that hears the browser, and may have changed since it began.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

import typer

from cli.home import House, locate
from cli.proposals import save
from cli.rulebook import Rulebook, open_rulebook
from midwatch.agent_edit import rule_text
from midwatch.calls import parse_call, visible
from midwatch.errors import MidwatchError
from midwatch.ledger import AskRow
from midwatch.policy.narrow import Unallowable, narrow
from midwatch.run_ids import short


def propose(approved: Sequence[AskRow]) -> None:
    """Write down a proposal for each call that was said yes to, or say why there is none. The yes stands either way."""
    for text in asyncio.run(proposed(locate(os.environ), approved)):
        typer.echo(visible(text))


async def proposed(house: House, approved: Sequence[AskRow]) -> list[str]:
    """What a person is told of each call that was said yes to; its proposal is on disk by then."""
    texts: list[str] = []
    for row in (row for row in approved if row.kind == "approve" and row.verdict == "approved" and not row.planted):
        try:
            async with AsyncExitStack() as stack:
                texts.append(_told(house, await open_rulebook(row.agent, house, stack, also=[row.tool]), row))
        except MidwatchError as error:
            texts.append(f"{row.tool}: no rule is proposed: {error}")
    return texts


def _told(house: House, book: Rulebook, row: AskRow) -> str:
    call, around = parse_call(row.tool, row.args_json), book.around(row.tool)
    if book.policy.decide(call, around).verdict == "allow":
        return f"{row.tool}: its rules allow it already; what asked is the run's level ({row.reason})"
    found = narrow([call], book.trial, around)
    if isinstance(found, Unallowable):
        return f"{row.tool}: no rule is proposed: {found.why}"
    one = save(house, row.agent, found, asked=f"run {short(row.run_id)}, {row.tool}", by=row.by or "")
    return (
        f"{row.tool}: a rule is proposed as {one.id}:\n{rule_text(one.rule, 2).rstrip()}\n"
        f"It also allows: {'; '.join(one.also)}.\n"
        f"Nothing changes by itself: `midwatch rules accept {one.id}` writes it into the agent's file."
    )


async def _proposed_for(ask_ids: Sequence[str]) -> list[str]:
    from blocks.ledger import open_ledger

    house = locate(os.environ)
    async with await open_ledger(house.home) as ledger:
        return await proposed(house, [await ledger.ask(ask_id) for ask_id in ask_ids])


if __name__ == "__main__":
    print(json.dumps(asyncio.run(_proposed_for(sys.argv[1:]))))
