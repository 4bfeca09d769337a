"""A ledger that the environment names by a block of a real Prefect."""

from __future__ import annotations

from pathlib import Path

import pytest

from blocks.ledger import LedgerDatabase, open_ledger
from midwatch.errors import LedgerError
from midwatch.ledger import Ledger


async def claims(ledger: Ledger, run_id: str) -> bool:
    async with ledger:
        await ledger.migrate()
        return (await ledger.claim_slot("night-owl", "s", run_id)).won


@pytest.mark.usefixtures("in_house")
async def test_the_environment_names_a_block(tmp_path: Path) -> None:
    block = LedgerDatabase.model_validate({"url": f"sqlite:///{tmp_path / 'ledger.db'}"})
    await block.asave("shared")
    environ = {"MIDWATCH_LEDGER_URL": "block:shared"}
    assert await claims(await open_ledger(tmp_path / "home", environ), "r1")
    assert not await claims(await open_ledger(tmp_path / "home", environ), "r2")


@pytest.mark.usefixtures("in_house")
async def test_a_block_that_is_not_there_is_an_error_and_not_another_ledger(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="names block 'nowhere'"):
        await open_ledger(tmp_path, {"MIDWATCH_LEDGER_URL": "block:nowhere"})
    assert list(tmp_path.iterdir()) == []
