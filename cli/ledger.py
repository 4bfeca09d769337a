"""The command line: how does a verb get at the ledger? Without Prefect, which takes longer to import than all the rest."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TypeVar

from cli.home import locate
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from midwatch.ledger.location import BLOCK, location

T = TypeVar("T")


async def open_ledger(home: Path) -> Ledger:
    """As `blocks/ledger.py` does, which is asked only where a block says where the ledger is."""
    if not (url := location(home)).startswith(BLOCK):
        return Ledger.open(url)
    from blocks.ledger import open_ledger as open_named

    return await open_named(home)


async def with_ledger(work: Callable[[Ledger], Awaitable[T]]) -> T:
    """What `work` makes of the ledger of this installation."""
    async with await open_ledger(locate(os.environ).home) as ledger:
        return await work(ledger)


async def whole_id(ledger: Ledger, part: str) -> str:
    """The one run whose id is, begins or ends so; raises LedgerError where there is none, or several."""
    found = await ledger.runs_named(part, limit=5)
    if len(found) == 1 or part in found:
        return found[0]
    several = f"; it could be {', '.join(found[:4])}{', …' if found[4:] else ''}" if found else ""
    raise LedgerError(f"no single run begins or ends with {part[:40]!r}{several}; `midwatch runs` lists them")
