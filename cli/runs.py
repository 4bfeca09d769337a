"""`midwatch runs`: what ran lately, and how did it end?"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.halted import print_halts
from cli.ledger import with_ledger
from cli.options import AsJson
from midwatch.calls import visible
from midwatch.ledger import Ledger, RunRow
from midwatch.run_ids import short


def runs(
    agent: Annotated[str | None, typer.Argument(help="Only this agent's.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many.")] = 20,
    as_json: AsJson = False,
) -> None:
    """List the latest runs, newest first, each with its outcome."""
    rows, waiting = asyncio.run(with_ledger(lambda ledger: _read(ledger, agent, limit)))
    if as_json:
        typer.echo(json.dumps([_facts(row) for row in rows]))
        return
    print_halts()
    if rows:
        terminal.console().print(_table(rows, waiting))
    else:
        typer.echo("Nothing has run yet. `midwatch run AGENT` starts one.")


async def _read(ledger: Ledger, agent: str | None, limit: int) -> tuple[list[RunRow], frozenset[str]]:
    """The runs, and which of all wait for a person."""
    waiting = frozenset(ask.run_id for ask in await ledger.open_asks(agent))
    return await ledger.recent_runs(agent, limit=limit), waiting


def _table(rows: list[RunRow], waiting: Collection[str]) -> Table:
    table = terminal.table("run", "agent", "started (UTC)", "by a", "outcome", "why")
    for row in rows:
        stands = "waits for you" if row.run_id in waiting else "goes on"
        colour = terminal.colour_of(row.outcome)
        table.add_row(
            short(row.run_id),
            row.agent,
            f"{row.started_at:%Y-%m-%d %H:%M}",
            row.cause,
            f"[{colour}]{row.outcome or stands}[/]",
            Text(terminal.cut(visible(row.reason), 90)),
        )
    return table


def _facts(row: RunRow) -> dict[str, object]:
    return {
        "run_id": row.run_id,
        "agent": row.agent,
        "started_at": row.started_at.isoformat(),
        "finished_at": row.finished_at.isoformat() if row.finished_at else None,
        "cause": row.cause,
        "level": row.level,
        "outcome": row.outcome,
        "shadow": row.shadow,
        "reason": row.reason,
    }
