"""`midwatch grant`: a person puts an agent on a level. It stands in the ledger, with who, why and until when.

Above 3 that is an override: nothing of it was earned (`midwatch promote`), and it holds for the file as it now is.
"""

from __future__ import annotations

import asyncio
import getpass
import os
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from cli.home import locate
from cli.ledger import with_ledger
from cli.options import Agent
from midwatch.agent_file import load_agent
from midwatch.errors import LedgerError
from midwatch.fingerprint import fingerprint_of
from midwatch.ledger import Ledger
from midwatch.run import LEVELS, Level
from midwatch.spec import AgentSpec


def grant(
    agent: Agent,
    level: Annotated[int, typer.Argument(min=1, max=5, help="The level, 1 to 5.")],
    because: Annotated[str, typer.Option(help="Why; it stays in the ledger.")],
    days: Annotated[float, typer.Option(min=0.01, max=90, help="A level above 3 is granted for so many days.")] = 7,
) -> None:
    """Grant a level: any lower one at once, a higher one rung by rung, for a time, and never above the ceiling.

    Above 3 it is an override: what the agent's rules allow goes unasked, earned or not.
    """
    house = locate(os.environ)
    spec = load_agent(agent, house.project / "agents")
    until = datetime.now(UTC) + timedelta(days=days) if level > 3 else None
    typer.echo(asyncio.run(with_ledger(lambda ledger: _grant(ledger, spec, LEVELS[level - 1], because, until))))


async def _grant(ledger: Ledger, spec: AgentSpec, level: Level, because: str, until: datetime | None) -> str:
    await ledger.migrate()
    if level > spec.ceiling:
        raise LedgerError(f"{spec.name} has ceiling {spec.ceiling} in its file; level {level} is above it")
    mark = fingerprint_of(spec).whole if level > 3 else None
    said = {"by": getpass.getuser(), "because": because}
    await ledger.grant_level(spec.name, level, until=until, fingerprint=mark, **said)
    ends = f" until {until:%Y-%m-%d %H:%M} UTC; then it stands at 3 again" if until else ""
    how = " by an override" if level > 3 else ""
    return f"{spec.name} stands at level {level}{how}{ends}."
