"""`midwatch budget`: what was spent today, by each agent and in all, against each limit; `set` and `lift` are the house's."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import ValidationError
from rich.table import Table
from rich.text import Text

from cli import terminal
from cli.bar import bar
from cli.home import locate
from cli.ledger import with_ledger
from cli.options import AsJson, Because
from midwatch.agent_file import load_agent
from midwatch.budget import UNITS, Pool, Spent, meters
from midwatch.errors import LedgerError, MidwatchError
from midwatch.spec import DayLimits

if TYPE_CHECKING:
    from midwatch.ledger import Ledger

budget = typer.Typer(name="budget", help="What was spent today, and the limits of the whole house.")

HOUSE: Final = "(all agents)"
CELLS: Final = 20
"""Of a bar."""


@budget.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: AsJson = False) -> None:
    """Show what each agent and all together have spent on this UTC day, against each limit."""
    if context.invoked_subcommand is not None:
        return
    now = datetime.now(UTC)
    house = locate(os.environ)
    spent, limits = asyncio.run(with_ledger(lambda ledger: _today(ledger, now)))
    pools = _pools(spent, limits, house.project / "agents")
    if as_json:
        typer.echo(json.dumps({"day": f"{now:%Y-%m-%d}", "spent": [_facts(name, pool) for name, pool in pools]}))
    else:
        terminal.console().print(_table(pools, now))


@budget.command("set")
def set_limits(
    because: Because,
    runs: Annotated[int | None, typer.Option(min=1, help="Runs that may begin on one UTC day.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Model requests.")] = None,
    tokens: Annotated[int | None, typer.Option(min=1, help="Input and output together.")] = None,
    usd: Annotated[float | None, typer.Option(help="US dollars.")] = None,
    minutes: Annotated[float | None, typer.Option(help="Minutes at work.")] = None,
    effects: Annotated[int | None, typer.Option(min=1, help="Calls that change something, as they begin.")] = None,
) -> None:
    """Set what all agents together may use on one UTC day; what is not named stays as it is."""
    named = {"runs": runs, "steps": steps, "tokens": tokens, "usd": usd, "minutes": minutes, "effects": effects}
    given = {name: value for name, value in named.items() if value is not None}
    if not given:
        raise LedgerError("name at least one limit: `midwatch budget set --usd 5 --because ...`")
    typer.echo(asyncio.run(with_ledger(lambda ledger: _change(ledger, given, because))))


@budget.command()
def lift(
    measures: Annotated[list[str], typer.Argument(help=f"Some of: {', '.join(UNITS)}.")],
    because: Because,
) -> None:
    """Take limits of the house away: they do not bind any more."""
    if unknown := [name for name in measures if name not in UNITS]:
        raise LedgerError(f"{', '.join(unknown)}: no such measure; there are {', '.join(UNITS)}")
    typer.echo(asyncio.run(with_ledger(lambda ledger: _change(ledger, dict.fromkeys(measures), because))))


async def _change(ledger: Ledger, changed: Mapping[str, Any], because: str) -> str:
    await ledger.migrate()
    standing = await ledger.house_limits()
    limits = _valid({**standing.model_dump(), **changed})
    await ledger.set_house_limits(limits, by=getpass.getuser(), because=because)
    bound = [f"{value:g} {UNITS[name]}" for name in UNITS if (value := getattr(limits, name)) is not None]
    return f"All agents together may use on one UTC day: {', '.join(bound) or 'as much as their own files allow'}."


def _valid(values: Mapping[str, Any]) -> DayLimits:
    try:
        return DayLimits.model_validate(values)
    except ValidationError as error:
        fault = error.errors()[0]
        raise LedgerError(f"--{'.'.join(map(str, fault['loc']))}: {fault['msg']}") from error


async def _today(ledger: Ledger, now: datetime) -> tuple[dict[str, Spent], DayLimits]:
    await ledger.migrate()
    return await ledger.spent_by_agent(now), await ledger.house_limits()


def _pools(spent: Mapping[str, Spent], house: DayLimits, agents: Path) -> list[tuple[str, Pool]]:
    """Each agent that did something, and all together."""
    each = [(name, Pool(scope="day", bounds=_limits(name, agents), used=used)) for name, used in spent.items()]
    return [*each, (HOUSE, Pool(scope="house", bounds=house, used=sum(spent.values(), Spent())))]


def _limits(agent: str, agents: Path) -> DayLimits:
    """Those of a day in the agent's file; one that is gone or wrong has none to show."""
    try:
        return load_agent(agent, agents).limits.per_day
    except MidwatchError:
        return DayLimits()


def _facts(name: str, pool: Pool) -> dict[str, object]:
    used = {measure: getattr(pool.used, measure) for measure in UNITS}
    allowed = {meter.measure: meter.allowed for meter in meters([pool])}
    who = {"agent": name} if name != HOUSE else {"agent": None}
    return {**who, "used": used, "allowed": allowed, "unpriced_steps": pool.used.unpriced_steps}


def _table(pools: list[tuple[str, Pool]], now: datetime) -> Table:
    table = terminal.table(
        "agent", "what", "used", "of", "", right=("used", "of"), title=f"Spent on {now:%Y-%m-%d} (UTC)"
    )
    for name, pool in pools:
        bounds = {meter.measure: meter for meter in meters([pool])}
        first = True
        for measure, unit in UNITS.items():
            meter = bounds.get(measure)
            least = "at least " if measure == "usd" and pool.used.unpriced_steps else ""
            used = f"{least}{getattr(pool.used, measure):,.4g}" if measure in ("usd", "minutes") else None
            table.add_row(
                Text(name if first else ""),
                unit,
                used or f"{getattr(pool.used, measure):,}",
                f"{meter.allowed:,g}" if meter else "no limit",
                bar(meter, CELLS).append(f" {min(1.0, meter.used / meter.allowed):.0%}", "") if meter else "",
            )
            first = False
    return table
