"""`midwatch digest`: what happened while nobody looked, printed here. Nothing is sent, and nothing is noted as sent."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.text import Text

from cli import terminal
from cli.home import locate
from cli.ledger import open_ledger, with_ledger
from cli.options import AsJson
from cli.zone import here

if TYPE_CHECKING:
    from midwatch.digest import Digest, Line
    from midwatch.ledger import Ledger

_LENGTH: Final = re.compile(r"([1-9][0-9]{0,3}) ?(m|h|d)")
_UNITS: Final = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


def length_of(text: str) -> timedelta:
    """`24h`, `90m`, `7d`. Raises typer.BadParameter for anything else."""
    match = _LENGTH.fullmatch(text.strip().lower())
    if match is None:
        raise typer.BadParameter(f"{text!r} is no length of time: write `90m`, `24h` or `7d`")
    return int(match[1]) * _UNITS[match[2]]


def digest(
    since: Annotated[
        str, typer.Option(metavar="LENGTH", help="From so long ago until now, such as 24h or 7d.")
    ] = "24h",
    seen: Annotated[bool, typer.Option("--seen", help="Say that you have looked, and print nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show what waits, what went wrong, what ran and what it cost. Nothing is sent."""
    if seen:
        typer.echo("Noted." if asyncio.run(with_ledger(_seen)) else "Noted before, within the hour.")
        return
    made = asyncio.run(_made(length_of(since)))
    if as_json:
        typer.echo(json.dumps(facts(made)))
        return
    console = terminal.console()
    for line in lines(made):
        console.print(line)


async def _seen(ledger: Ledger) -> bool:
    """A sign of the person: as long as there are such, no level falls."""
    await ledger.migrate()
    return await ledger.person_seen(getpass.getuser(), "digest")


async def _made(length: timedelta) -> Digest:
    from midwatch.digest import digest_of
    from tasks.digest.facts import gather
    from tasks.harness.place import Place

    house, now = locate(os.environ), datetime.now(UTC)
    async with await open_ledger(house.home) as ledger:
        await ledger.migrate()
        place = Place(project=house.project, home=house.home)
        return digest_of(await gather(ledger, place, now - length, now, here()))


def lines(made: Digest) -> Iterator[Text]:
    """What a terminal shows."""
    from midwatch.timeline import text_picture
    from tasks.digest.text import left_out

    yield Text(made.title, style="bold")
    yield from (_line(line) for line in made.headline)
    if picture := text_picture(made.timeline):
        yield Text(f"\n{picture}", no_wrap=True)
    for section in made.sections:
        yield Text(f"\n{section.title}", style="bold")
        yield from (Text("• ").append(_line(line)) for line in section.lines)
        if more := left_out(section):
            yield Text(f"  {more}", style="dim")


def _line(line: Line) -> Text:
    from midwatch.calls import visible

    text = Text()
    for part in line.parts:
        text.append(part) if isinstance(part, str) else text.append(visible(part.line), style="cyan")
    return text.append(f"  {line.see.command}", style="dim") if line.see else text


def facts(made: Digest) -> dict[str, Any]:
    """The same, for a program."""
    return {
        "since": made.since.isoformat(),
        "until": made.until.isoformat(),
        "figures": dict(made.figures),
        "headline": [line.text for line in made.headline],
        "sections": [
            {
                "title": section.title,
                "lines": [
                    {"text": line.text, **({"see": asdict(line.see)} if line.see else {})} for line in section.lines
                ],
                "left_out": section.left_out,
            }
            for section in made.sections
        ],
    }
