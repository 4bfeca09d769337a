"""`midwatch approve --next`: which mandate would let the next calls like this one through? Shown before the yes is given."""

from __future__ import annotations

import asyncio
import getpass
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime

import typer

from cli import terminal
from cli.home import House, locate
from cli.ledger import whole_id
from cli.mandate import print_offer, signed
from cli.rulebook import open_rulebook
from midwatch.errors import LedgerError
from midwatch.ledger import AskDecision, AskRow, Ledger
from midwatch.policy.narrow import Unallowable
from midwatch.policy.offers import Offer, mandate_for
from midwatch.run_ids import short
from tasks.permissions.answers import questions_of
from tasks.permissions.seals import seals


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """What a person signs together with their yes."""

    offers: Mapping[str, Offer]
    """By question."""
    because: str
    lines: list[str] = field(default_factory=list)
    """What came of it, once it is signed."""

    async def sign(self, ledger: Ledger, made: Sequence[AskDecision]) -> None:
        """For every question that this person was the first to say yes to, before its run goes on."""
        for one in made:
            offer = self.offers.get(one.row.ask_id)
            if offer is None or not one.first:
                self.lines.append("No mandate was signed: somebody else decided before.")
                continue
            why = self.because or f"like the call of run {short(one.row.run_id)} that was approved"
            try:
                it = await ledger.grant_mandate(
                    offer.terms, by=getpass.getuser(), via="cli", because=why, ask_id=one.row.ask_id
                )
                self.lines.append(signed(it))
            except LedgerError as error:
                self.lines.append(f"No mandate was signed: {error}")


def signing(run: str, numbers: Sequence[int], *, uses: int, until: datetime, because: str, yes: bool) -> Signing:
    """The mandates for calls like those, shown and agreed to.

    Raises:
        LedgerError: none can be made of one of them; nothing is decided then.
    """
    offers = asyncio.run(_offers(locate(os.environ), run, numbers, uses, until))
    console = terminal.console(soft_wrap=True)
    for offer in offers.values():
        print_offer(offer, console)
    if not (yes or typer.confirm("\nSay yes, and sign it?")):
        console.print("Nothing was decided or signed.")
        raise typer.Exit(1)
    return Signing(offers=offers, because=because)


async def _offers(house: House, run: str, numbers: Sequence[int], uses: int, until: datetime) -> dict[str, Offer]:
    from blocks.ledger import open_ledger

    async with await open_ledger(house.home) as ledger:
        questions = await questions_of(ledger, await whole_id(ledger, run))
    rows = [one.ask for one in questions if one.number in numbers and one.ask.verdict is None]
    return {row.ask_id: await offered(house, row, uses=uses, until=until) for row in rows}


async def offered(house: House, row: AskRow, *, uses: int, until: datetime) -> Offer:
    """The mandate for calls like the one of `row`, for any door to show.

    Raises:
        LedgerError: no mandate can be made of it; says why.
    """
    async with AsyncExitStack() as stack:
        served = row.tool.startswith("mcp__")
        book = await open_rulebook(row.agent, house, stack, also=[row.tool], start_servers=served)
        known, around = seals(book.policy, book.tools), book.around(row.tool)
        offer = mandate_for(row, book.policy, known, around, uses=uses, until=until)
    if isinstance(offer, Unallowable):
        said = f"{row.tool}: no mandate can be made of it: {offer.why}"
        raise LedgerError(f"{said}. Nothing was decided; without `--next` this one call can be approved")
    return offer
