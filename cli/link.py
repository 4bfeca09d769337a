"""`midwatch link`: which address leads one person to what a run asks? Signed, for a day at most, good for one decision."""

from __future__ import annotations

import asyncio
import getpass
import json
import os
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from cli import keys
from cli.home import House, locate
from cli.ledger import whole_id, with_ledger
from cli.options import AsJson, RunId
from cli.page_address import page_address
from midwatch.approval import is_person
from midwatch.calls import visible
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from midwatch.run_ids import short

if TYPE_CHECKING:
    from tasks.page.tokens import Signer

LONGEST_NAME: Final = 80
MOST: Final = 50
"""Questions that an address is short enough for."""


def link(
    run: RunId,
    person: Annotated[str, typer.Option("--for", help="Who decides by it; you, unless you say otherwise.")] = "",
    as_json: AsJson = False,
) -> None:
    """Print a link to what a run asks: whoever has it sees that request, and decides it once."""
    house, name = locate(os.environ), person or getpass.getuser()

    async def made(ledger: Ledger) -> dict[str, str]:
        run_id = await whole_id(ledger, run)
        waiting = [row.ask_id for row in await ledger.asks_of(run_id) if row.verdict is None]
        if not waiting:
            raise LedgerError(f"nothing of run {short(run_id)} waits; `midwatch inbox` lists what does")
        url = await link_to(house, ledger, waiting, name)
        return {"run_id": run_id, "for": name, "url": url}

    facts = asyncio.run(with_ledger(made))
    typer.echo(json.dumps(facts) if as_json else facts["url"])


async def link_to(
    house: House, ledger: Ledger, ask_ids: Sequence[str], person: str, environ: Mapping[str, str] = os.environ
) -> str:
    """The address by which `person` decides these questions, and nothing else.

    Raises:
        HouseError: the house was never up, or its key is not its owner's alone.
        LedgerError: there is no such question, or `person` is no name that could decide it.
    """
    if len(ask_ids) > MOST:
        raise LedgerError(f"a link is about at most {MOST} questions, not {len(ask_ids)}: log in to the page instead")
    rows = [await ledger.ask(ask_id) for ask_id in ask_ids]
    plain = person.strip() == visible(person) and "\n" not in person and len(person) <= LONGEST_NAME
    if not rows or not plain or not all(is_person(person, row.agent) for row in rows):
        raise LedgerError(f"a link is made for a person who answers questions, and {visible(person)!r} is none")
    token = page_signer(house).link(rows, person, datetime.now(UTC))
    return f"{page_address(house, environ).public}/r/{token}"


def page_signer(house: House) -> Signer:
    """With the key that is kept in the house's home; made the first time."""
    from tasks.page.tokens import Signer

    key = keys.kept(house.home / "page.key", keys.new_encryption_key)
    return Signer(key=key, password=keys.read(house.auth))
