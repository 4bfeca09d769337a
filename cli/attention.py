"""`midwatch attention`: how often was whom interrupted, was it worth it, and what is better not asked?"""

from __future__ import annotations

import asyncio
import getpass
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.ledger import with_ledger
from cli.options import AsJson
from midwatch.calls import visible
from midwatch.errors import LedgerError

if TYPE_CHECKING:
    from midwatch.ledger import Ledger, NoticeRow, PersonRow
    from midwatch.precision import Precision

attention = typer.Typer(name="attention", help="How often you were interrupted, and whether it was worth it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What one person got of it."""

    person: str
    interruptions: int
    a_day: int
    """The budget; 0 where the person is no longer there."""
    fullest_day: int
    """Interruptions on the day that had the most, by the person's calendar."""
    counted: int
    """Questions and failures that these incidents stood for."""
    held_back: int
    """Incidents that ended, or still stand, without an interruption."""


@attention.callback(invoke_without_command=True)
def show(
    context: typer.Context,
    days: Annotated[float, typer.Option(min=0.01, help="What was told in so many days.")] = 30,
    as_json: AsJson = False,
) -> None:
    """Show interruptions by person, precision by rule, and which asks are better dropped or raised."""
    if context.invoked_subcommand is not None:
        return
    since = datetime.now(UTC) - timedelta(days=days)
    shares, rules = asyncio.run(with_ledger(lambda ledger: _read(ledger, since)))
    if as_json:
        told = [{**asdict(one), "share": one.share} for one in rules]
        typer.echo(json.dumps({"days": days, "people": [asdict(one) for one in shares], "rules": told}))
    else:
        _print(shares, rules, days, terminal.console())


@attention.command()
def close(agent: Annotated[str, typer.Argument(help="Whose failures you have seen to.")]) -> None:
    """Say that the failures of an agent are dealt with: the next one is a new incident."""
    closed = asyncio.run(with_ledger(lambda ledger: _close(ledger, agent)))
    if not closed:
        raise LedgerError(f"no failure of {agent!r} is open; `midwatch attention` shows what was told")
    typer.echo(f"Closed {closed}. The next failure of {agent} is told anew.")


async def _close(ledger: Ledger, agent: str) -> int:
    mine = [one for one in await ledger.open_notices() if one.agent == agent]
    failures = [one for one in mine if one.topic in ("endings", "alarms")]
    who = getpass.getuser()
    return sum([await ledger.close_notice(one.notice_id, who, acted=True) for one in failures])


async def _read(ledger: Ledger, since: datetime) -> tuple[list[Share], list[Precision]]:
    from midwatch.precision import precision

    notices, people = await ledger.notices_since(since), await ledger.people()
    sent = [one for one in notices if one.sent_at is not None and one.sent_at >= since]
    return shares(notices, people, since), precision(sent)


def shares(notices: Sequence[NoticeRow], people: Sequence[PersonRow], since: datetime) -> list[Share]:
    """By person; those too who are no longer told."""
    from midwatch.attention import person_of

    known = {row.person: person_of(row.person, row.settings_json) for row in people}
    found: list[Share] = []
    for name in sorted({one.person for one in notices} | known.keys()):
        mine = [one for one in notices if one.person == name]
        zone = known[name].zone if name in known else UTC
        told = [one for one in mine if one.sent_at is not None and one.sent_at >= since]
        by_day = Counter(one.sent_at.astimezone(zone).date() for one in told if one.sent_at)
        found.append(
            Share(
                person=name,
                interruptions=len(told),
                a_day=known[name].a_day if name in known else 0,
                fullest_day=max(by_day.values(), default=0),
                counted=sum(one.times for one in mine),
                held_back=sum(one.sent_at is None for one in mine),
            )
        )
    return found


def _print(people: Sequence[Share], rules: Sequence[Precision], days: float, console: Console) -> None:
    if not people:
        console.print("Nobody is told of anything: no block of the type Midwatch person is saved (docs/attention.md).")
        return
    console.print(_people(people, days))
    if not rules:
        console.print(f"\nNobody was interrupted in {days:g} days.")
        return
    console.print(_rules(rules))
    for one in rules:
        if one.proposal:
            console.print(f"  {visible(f'{one.agent} · {one.rule}')}: {visible(one.proposal)}", markup=False)


def _people(people: Sequence[Share], days: float) -> Table:
    counts = ("interruptions", "a day", "fullest day", "budget", "stood for", "held back")
    table = terminal.table("person", *counts, right=counts, title=f"{days:g} days")
    for one in people:
        figures = (f"{one.interruptions / max(days, 1):.1f}", str(one.fullest_day), str(one.a_day))
        table.add_row(Text(visible(one.person)), str(one.interruptions), *figures, str(one.counted), str(one.held_back))
    return table


def _rules(rules: Sequence[Precision]) -> Table:
    counts = ("interruptions", "asks", "changed", "95 %", "unanswered", "to answer")
    table = terminal.table("agent", "rule", *counts, right=counts, title="\nWas it worth it?")
    for one in rules:
        share = "-" if one.share is None else f"{one.changed} of {one.changed + one.unchanged}"
        bounds = "-" if one.share is None else f"{one.lower:.0%} to {one.upper:.0%}"
        cells = (str(one.interruptions), str(one.asks), share, bounds, str(one.unanswered), _time(one.median_seconds))
        table.add_row(Text(visible(one.agent)), Text(visible(one.rule)), *cells)
    return table


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "-"
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.0f} h"
    )
