"""Ledger: which database, as an operator configures it? And the installation's ledger, wherever it lies."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from prefect.blocks.core import Block
from pydantic import Field, SecretStr

from midwatch.errors import LedgerError
from midwatch.ledger import Ledger
from midwatch.ledger.location import BLOCK, VARIABLE, location


class LedgerDatabase(Block):
    """The database that a ledger lives in. `MIDWATCH_LEDGER_URL=block:NAME` uses it."""

    _block_type_name = "Midwatch ledger"
    _block_type_slug = "midwatch-ledger"
    _description = "The database of Midwatch's ledger: runs, decisions, effects, questions, costs."

    url: SecretStr = Field(
        description="SQLAlchemy URL of a SQLite file or a PostgreSQL database; it may hold a password.",
        examples=[
            "sqlite+aiosqlite:////var/lib/midwatch/ledger.db",
            "postgresql+asyncpg://midwatch@db.example/midwatch",
        ],
    )

    def get_ledger(self) -> Ledger:
        """The ledger, not yet connected; the caller closes it (`async with`)."""
        return Ledger.open(self.url.get_secret_value())


async def open_ledger(home: Path, environ: Mapping[str, str] = os.environ) -> Ledger:
    """The installation's ledger: what MIDWATCH_LEDGER_URL names (a URL, or `block:NAME`), else `home`/ledger.db.

    There is one ledger or an error: going on in another one would let a slot be claimed, or an effect happen, twice.

    Raises:
        LedgerError: the URL is of no kind that a ledger can live in, or the block cannot be loaded.
    """
    url = location(home, environ)
    return (await _load(url.removeprefix(BLOCK))).get_ledger() if url.startswith(BLOCK) else Ledger.open(url)


async def _load(name: str) -> LedgerDatabase:
    try:
        return await LedgerDatabase.aload(name)
    except ValueError as error:
        raise LedgerError(
            f"{VARIABLE} names block {name!r}, and Prefect has no such {LedgerDatabase._block_type_name} block: "
            "make it in the UI under Blocks, or name a URL"
        ) from error
