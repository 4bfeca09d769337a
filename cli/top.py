"""`midwatch top`: what runs at this moment, at which step, spending what, and what waits for whom? From the ledger alone."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import typer
from pydantic import TypeAdapter
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from cli import terminal
from cli.home import locate
from cli.ledger import with_ledger
from cli.top_frame import frame
from cli.zone import here
from midwatch.agent_file import names
from midwatch.attention import person_of
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from midwatch.top import Top, top_of

EVERY_SECONDS: Final = 1.0


def top(
    once: Annotated[bool, typer.Option("--once", help="Print it once, and end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, and end.")] = False,
) -> None:
    """Watch what runs, what it spends and what waits for whom; what needs a person is on top. Ctrl-C ends it."""
    console = terminal.console()
    if as_json:
        typer.echo(_JSON.dump_json(asyncio.run(with_ledger(_look))).decode())
    elif once or not console.is_terminal:
        shown = frame(asyncio.run(with_ledger(_look)), here(), width=console.width)
        console.print(Group(*shown), soft_wrap=False)
    else:
        with suppress(KeyboardInterrupt):
            asyncio.run(with_ledger(lambda ledger: _live(ledger, console, here())))


@dataclass(frozen=True, slots=True, kw_only=True)
class Watcher:
    """Looks again and again."""

    ledger: Ledger
    agents: Path
    """The folder of the agents' files: today's money is that of the agents that are there, and of those that run."""
    now: Callable[[], datetime]

    async def look(self) -> Top:
        """Raises LedgerError where the ledger cannot be read."""
        now, agents = self.now(), names(self.agents)
        return top_of(
            now,
            await self.ledger.moment(now, agents),
            halts=await self.ledger.halts_in_force(),
            breakers=await self.ledger.breakers_of(),
            alarms=await self.ledger.open_alarms(),
            people=[person_of(row.person, row.settings_json) for row in await self.ledger.people()],
        )


def watcher(ledger: Ledger) -> Watcher:
    """Of this installation."""
    return Watcher(ledger=ledger, agents=locate(os.environ).project / "agents", now=lambda: datetime.now(UTC))


async def _look(ledger: Ledger) -> Top:
    return await watcher(ledger).look()


async def _live(ledger: Ledger, console: Console, zone: ZoneInfo) -> None:
    """Until it is interrupted; a ledger that is away for a while is waited for."""
    looking = watcher(ledger)
    with Live(console=console, auto_refresh=False, screen=True) as live:
        while True:
            live.update(Group(*await _lines(looking, console, zone)), refresh=True)
            await asyncio.sleep(EVERY_SECONDS)


async def _lines(looking: Watcher, console: Console, zone: ZoneInfo) -> list[Text]:
    try:
        return frame(await looking.look(), zone, width=console.width, height=console.height)
    except LedgerError as error:
        return [Text(f"{datetime.now(zone):%H:%M:%S} nothing can be seen: {error}", style="bold red")]


_JSON: Final = TypeAdapter(Top)
