"""`midwatch breaker`: which agents are kept from failing once more, why, until when, and how does one let them run again?"""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from cli import terminal
from cli.ledger import with_ledger
from cli.options import AsJson
from midwatch.calls import visible
from midwatch.errors import LedgerError

if TYPE_CHECKING:
    from midwatch.ledger import BreakerRow, Ledger

EXIT_OPEN = 4
"""As with a run that ends `blocked`."""


def breaker(
    agent: Annotated[str, typer.Argument(help="Of this agent alone.")] = "",
    close: Annotated[
        bool, typer.Option("--close", help="It is mended: let its runs begin, and its schedules go on.")
    ] = False,
    because: Annotated[str, typer.Option(help="With --close: why.")] = "",
    as_json: AsJson = False,
) -> None:
    """Show the breakers that have opened, or close one. Exit code 0: all are closed; 4: one is not."""
    if close:
        _refuse(agent, because)
        row = asyncio.run(with_ledger(lambda ledger: _closed(ledger, agent, because)))
        typer.echo(json.dumps(facts(row)) if as_json else _said(row))
        return
    rows = asyncio.run(with_ledger(lambda ledger: _read(ledger, agent)))
    if as_json:
        typer.echo(json.dumps([facts(row) for row in rows]))
    else:
        _print(rows, terminal.console())
    raise typer.Exit(EXIT_OPEN if any(row.state != "closed" for row in rows) else 0)


def _refuse(agent: str, because: str) -> None:
    if not agent or not because.strip():
        raise typer.BadParameter("whose breaker is closed, and why? `midwatch breaker AGENT --close --because WORDS`")


async def _closed(ledger: Ledger, agent: str, because: str) -> BreakerRow:
    await ledger.migrate()
    if not await ledger.close_breaker(agent, by=getpass.getuser(), because=because):
        raise LedgerError(f"the breaker of {agent!r} is not open; `midwatch breaker` shows those that are")
    row = await ledger.breaker(agent)
    assert row is not None
    return row


async def _read(ledger: Ledger, agent: str) -> list[BreakerRow]:
    await ledger.migrate()
    return [row for row in await ledger.breakers_of() if agent in ("", row.agent)]


def _said(row: BreakerRow) -> str:
    paused = f"; its deployments ({len(row.paused)}) go on within seconds, while the house is up" if row.paused else ""
    return f"Closed. Runs of {row.agent} begin again{paused}."


def facts(row: BreakerRow) -> dict[str, object]:
    """One as JSON has it."""
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(row).items()}


def _print(rows: Sequence[BreakerRow], console: Console) -> None:
    if not rows:
        console.print("No breaker has ever opened.")
        return
    table = terminal.table("agent", "breaker", "since (UTC)", "failures", "next try (UTC)", "why")
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in _cells(row)))
    console.print(table)


def _cells(row: BreakerRow) -> tuple[str, ...]:
    if row.state == "closed":
        why = f"closed by {row.closed_by}: {row.closed_because}"
        return row.agent, "closed", _clock(row.closed_at or row.opened_at), "", "", why
    tried = "now" if row.state == "half_open" else _clock(row.probe_at)
    return row.agent, row.state.replace("_", " "), _clock(row.opened_at), str(row.failures), tried, row.cause


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M}"
