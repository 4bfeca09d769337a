"""`midwatch pins`: are the tools of MCP servers still what they were? Shows what changed; a person accepts it, or not."""

from __future__ import annotations

import asyncio
import difflib
import getpass
from collections.abc import Iterator, Sequence
from typing import Annotated, assert_never

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.ledger import with_ledger
from cli.options import LISTED, ListsByDefault
from midwatch.characters import visible
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger, Pin
from midwatch.served_tool import lines_of

"""What is meant where no verb is named."""


pins = typer.Typer(
    name="pins",
    cls=ListsByDefault,
    help="The tools of MCP servers: what is pinned, what changed since, and accepting it.",
)


@pins.command(LISTED)
def listed(agent: Annotated[str, typer.Argument(help="One agent; else all.")] = "") -> None:
    """List the tools of MCP servers as the ledger knows them, and show whole what changed. Exit code 1 where something did."""
    found = _read(agent or None)
    console = terminal.console(soft_wrap=True)
    if not found:
        console.print("No tool of an MCP server is pinned: a run, or `midwatch check AGENT`, does it at the first use.")
        return
    console.print(_table(found), soft_wrap=False)
    doubtful = [pin for pin in found if pin.state != "pinned"]
    for pin in doubtful:
        _print_difference(pin, console)
    if doubtful:
        console.print("\nNo rule allows these. `midwatch pins accept AGENT SERVER [TOOL]` takes them as they are now.")
    raise typer.Exit(1 if doubtful else 0)


@pins.command()
def accept(
    agent: Annotated[str, typer.Argument(help="Whose pins.")],
    server: Annotated[str, typer.Argument(help="The server, as the agent's file names it.")],
    tool: Annotated[str, typer.Argument(help="One tool; else all that changed.")] = "",
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Look at what changed and pin it anew: rules hold for it again. Your name and the time stay in the ledger."""
    chosen = _chosen(_read(agent), server, tool)
    console = terminal.console(soft_wrap=True)
    if not chosen:
        console.print("Nothing of it changed since it was pinned.")
        return
    for pin in chosen:
        _print_difference(pin, console)
    if not (yes or typer.confirm(f"\nPin {len(chosen)} of {agent}'s tools so?")):
        console.print("Nothing was accepted.")
        raise typer.Exit(1)
    shown = {pin.tool: pin.digest for pin in chosen}
    asyncio.run(with_ledger(lambda ledger: ledger.accept_tools(agent, server, shown, by=getpass.getuser())))
    console.print(f"Pinned: {', '.join(visible(name) for name in shown)}.", markup=False)


def _read(agent: str | None) -> list[Pin]:
    async def read(ledger: Ledger) -> list[Pin]:
        await ledger.migrate()
        return await ledger.pins(agent)

    return asyncio.run(with_ledger(read))


def _chosen(found: Sequence[Pin], server: str, tool: str) -> list[Pin]:
    """Those that changed; raises LedgerError where there is no such server or tool."""
    here = [pin for pin in found if pin.server == server and tool in ("", pin.tool)]
    if not here:
        known = ", ".join(sorted({f"{pin.server} {pin.tool}" if tool else pin.server for pin in found})) or "none"
        raise LedgerError(f"nothing is pinned of {' '.join(filter(None, (server, tool)))!r}; pinned: {known}")
    return [pin for pin in here if pin.state != "pinned"]


def _table(found: Sequence[Pin]) -> Table:
    table = terminal.table("agent", "server", "tool", "pinned (UTC)", "by", "state")
    for pin in found:
        pinned = f"{pin.pinned_at:%Y-%m-%d %H:%M}" if pin.pinned_at else "never"
        by = Text(visible(pin.by or ""))
        table.add_row(pin.agent, pin.server, Text(visible(pin.tool)), pinned, by, Text(_state(pin), style=_style(pin)))
    return table


def _state(pin: Pin) -> str:
    match pin.state:
        case "pinned":
            return "as pinned"
        case "changed":
            return f"changed, seen {pin.seen_at:%Y-%m-%d %H:%M} UTC"
        case "new":
            return f"new, seen {pin.seen_at:%Y-%m-%d %H:%M} UTC"
        case _:
            assert_never(pin.state)


def _style(pin: Pin) -> str:
    return "" if pin.state == "pinned" else "yellow"


def _print_difference(pin: Pin, console: Console) -> None:
    console.print(f"\n{pin.agent} · mcp__{pin.server}__{visible(pin.tool)} · {_state(pin)}", style="bold", markup=False)
    for line in difference(pin):
        console.print(Text(line, style={"+": "green", "-": "red"}.get(line[0], "")))


def difference(pin: Pin) -> Iterator[str]:
    """From what is pinned to what the server gives: every line, the ones that go with `-`, those that come with `+`."""
    before = list(lines_of(pin.pinned)) if pin.pinned is not None else []
    return (line for line in difflib.ndiff(before, list(lines_of(pin.seen))) if not line.startswith("?"))
