"""`midwatch reviewers`: who catches what share of bad proposals? As far as planted ones tell."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.table import Table

from cli import terminal
from cli.ledger import with_ledger
from cli.options import AsJson
from midwatch.calls import visible
from midwatch.ladder import CONFIDENCE
from midwatch.reviewer import Reviewer
from midwatch.reviewer import reviewers as tested


def reviewers(
    agent: Annotated[str | None, typer.Argument(help="One agent; without it all of them.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what share of planted proposals each person caught, and the share that it is at least."""
    found = tested(asyncio.run(with_ledger(lambda ledger: ledger.planted_decided(agent))))
    if as_json:
        typer.echo(json.dumps([_facts(one) for one in found]))
        return
    console = terminal.console(soft_wrap=True)
    if not found:
        console.print("Nobody has answered a planted proposal yet; `planted` in an agent's file turns them on.")
        return
    console.print(_table(found), soft_wrap=False)


def _table(found: Sequence[Reviewer]) -> Table:
    table = terminal.table("person", "tests", "caught", "missed", "share", f"at least ({CONFIDENCE:.0%})")
    for one in found:
        row = (visible(one.person), str(one.tests), str(one.caught), str(one.missed))
        table.add_row(*row, f"{one.share:.0%}", f"{one.at_least:.0%}")
    return table


def _facts(one: Reviewer) -> dict[str, object]:
    return {
        "person": one.person,
        "tests": one.tests,
        "caught": one.caught,
        "missed": one.missed,
        "share": one.share,
        "at_least": one.at_least,
        "confidence": CONFIDENCE,
    }
