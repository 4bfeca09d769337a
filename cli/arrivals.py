"""`midwatch arrivals`: what came from outside, which run became of it, and if none, why?"""

from __future__ import annotations

import asyncio
import getpass
import json
from collections.abc import Sequence
from typing import Annotated, Final

import typer
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.ledger import with_ledger
from cli.options import LISTED, AsJson, ListsByDefault
from midwatch.characters import on_one_line, visible
from midwatch.ledger import ArrivalRow, ArrivalState, Ledger
from midwatch.run_ids import short

LONGEST: Final = 70
COLOURS: Final[dict[ArrivalState, str]] = {
    "received": "yellow",
    "started": "green",
    "refused": "red",
    "set_aside": "bold red",
    "coalesced": "dim",
}


arrivals = typer.Typer(
    name="arrivals",
    cls=ListsByDefault,
    help="What came by webhooks, files and chains, and what became of it.",
)
ArrivalId = Annotated[str, typer.Argument(help="The arrival, or as many of its first characters as single it out.")]


@arrivals.command(LISTED)
def listed(
    agent: Annotated[str, typer.Argument(help="One agent; else all.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="At most so many, the newest.")] = 50,
    as_json: AsJson = False,
) -> None:
    """List what arrived, newest first. Exit code 1 where something was set aside and waits for a person."""
    found, aside = asyncio.run(with_ledger(lambda ledger: _listed(ledger, agent or None, limit)))
    console = terminal.console(soft_wrap=True)
    if as_json:
        typer.echo(json.dumps([facts(row) for row in found]))
    elif not found:
        console.print("Nothing has arrived. docs/events.md says how webhooks, files and chains are set up.")
    else:
        console.print(_table(found), soft_wrap=False)
        older = aside - sum(row.state == "set_aside" for row in found)
        if older:
            console.print(f"{older} more that were set aside are older: `--limit 10000` shows them")
    raise typer.Exit(1 if aside else 0)


@arrivals.command()
def show(arrival: ArrivalId, as_json: AsJson = False) -> None:
    """Show one arrival whole, with what was sent."""
    row, payload = asyncio.run(with_ledger(lambda ledger: ledger.arrival(arrival)))
    if as_json:
        typer.echo(json.dumps({**facts(row), "payload": payload}))
        return
    console = terminal.console(soft_wrap=True)
    for name, value in facts(row).items():
        if value not in (None, "", {}):
            text = json.dumps(value) if isinstance(value, dict) else str(value)
            console.print(f"{name:12} {visible(on_one_line(text))}", markup=False)
    console.print("\nAs it was sent, by whomever:", style="bold")
    console.print(visible(payload), markup=False)


@arrivals.command()
def retry(arrival: ArrivalId, as_json: AsJson = False) -> None:
    """Try again what was set aside. Your name and the time stay in the ledger."""
    row = asyncio.run(with_ledger(lambda ledger: _again(ledger, arrival)))
    if as_json:
        typer.echo(json.dumps(facts(row)))
    else:
        typer.echo(
            f"{row.arrival_id[:8]} of {row.agent} is tried again; `midwatch arrivals {row.agent}` shows how it goes."
        )


async def _listed(ledger: Ledger, agent: str | None, limit: int) -> tuple[list[ArrivalRow], int]:
    """The newest, and how many of all are set aside."""
    return await ledger.arrivals(agent, limit=limit), await ledger.set_aside_of(agent)


async def _again(ledger: Ledger, beginning: str) -> ArrivalRow:
    row, _ = await ledger.arrival(beginning)
    row = await ledger.retry_arrival(row.arrival_id, by=getpass.getuser())
    if not await ledger.set_aside_of(row.agent):
        from tasks.triggers.dispatch import alarm_key

        await ledger.end_alarm(alarm_key(row.agent), f"{getpass.getuser()} has seen to what was set aside")
    return row


def facts(row: ArrivalRow) -> dict[str, object]:
    """One arrival as JSON."""
    return {
        "arrival_id": row.arrival_id,
        "agent": row.agent,
        "trigger": row.trigger,
        "delivery": row.delivery,
        "received_at": row.received_at.isoformat(),
        "state": row.state,
        "why": row.why,
        "tries": row.tries,
        "due_at": row.due_at.isoformat(),
        "joined": row.joined,
        "parent_run": row.parent_run,
        "run_id": row.run_id,
        "started_at": row.started_at.isoformat() if row.started_at else None,
        "input": dict(row.input),
    }


def _table(found: Sequence[ArrivalRow]) -> Table:
    table = terminal.table("arrival", "received (UTC)", "agent", "trigger", "state", "run", "why")
    for row in found:
        why = visible(on_one_line(row.why or (f"with {row.joined[:8]}" if row.joined else row.delivery)))
        table.add_row(
            row.arrival_id[:8],
            f"{row.received_at:%m-%d %H:%M:%S}",
            row.agent,
            row.trigger,
            Text(row.state.replace("_", " "), style=COLOURS[row.state]),
            short(row.run_id or ""),
            Text(terminal.cut(why, LONGEST)),
        )
    return table
