"""`midwatch settle`: what became of an effect whose end nobody saw? A person looks, and says it."""

from __future__ import annotations

import asyncio
import getpass
import os
from typing import Annotated, Final, Literal

import typer

from cli.environment import adopt
from cli.home import House, locate
from cli.ledger import open_ledger, whole_id
from cli.options import RunId
from midwatch.errors import LedgerError
from midwatch.ledger import Settlement
from midwatch.run_ids import short

Became = Literal["happened", "not"]
SETTLEMENTS: Final[dict[Became, Settlement]] = {"happened": "happened", "not": "did_not_happen"}


def settle(
    run: RunId,
    number: Annotated[int, typer.Argument(help="Which of its questions, as `midwatch inbox` numbers them.")],
    became: Annotated[Became, typer.Argument(help="`happened`: it was done. `not`: it was not done.")],
    because: Annotated[str, typer.Option(help="How you know. It stays in the ledger.")],
) -> None:
    """Say what became of an effect whose end nobody saw. Nothing is done again by it."""
    house = locate(os.environ)
    adopt(house)
    typer.echo(asyncio.run(_settled(house, run, number, SETTLEMENTS[became], because)))


async def _settled(house: House, run: str, number: int, verdict: Settlement, because: str) -> str:
    from tasks.permissions.answers import settle as write_down

    async with await open_ledger(house.home) as ledger:
        run_id = await whole_id(ledger, run)
        asks = await ledger.asks_of(run_id)
        if not 1 <= number <= len(asks):
            raise LedgerError(f"run {short(run_id)} has no question {number}; `midwatch inbox` lists what waits")
        made = await write_down(ledger, asks[number - 1], verdict, by=getpass.getuser(), via="cli", reason=because)
    stands = made.row
    if not made.first:
        return f"{number} · {stands.tool}: {stands.verdict} already, by {stands.by} through {stands.via}"
    new = f" To have it done, start a new run: midwatch run {stands.agent}" if verdict == "did_not_happen" else ""
    return f"{number} · {stands.tool}: it stands as {'done' if verdict == 'happened' else 'not done'}.{new}"
