"""The ledger's block: the URL is a secret, and there is one ledger or an error."""

from __future__ import annotations

import stat
from pathlib import Path

from blocks.ledger import LedgerDatabase, open_ledger
from midwatch.ledger import Ledger


async def claims(ledger: Ledger, run_id: str) -> bool:
    async with ledger:
        await ledger.migrate()
        return (await ledger.claim_slot("night-owl", "s", run_id)).won


async def test_without_a_word_the_ledger_is_a_file_in_the_home(tmp_path: Path) -> None:
    assert await claims(await open_ledger(tmp_path, {}), "r1")
    assert stat.S_IMODE((tmp_path / "ledger.db").stat().st_mode) == 0o600


async def test_the_environment_names_another_ledger(tmp_path: Path) -> None:
    environ = {"MIDWATCH_LEDGER_URL": f"sqlite+aiosqlite:///{tmp_path / 'other.db'}"}
    assert await claims(await open_ledger(tmp_path / "home", environ), "r1")
    assert not (tmp_path / "home").exists()


async def test_a_block_opens_its_database_and_hides_its_url(tmp_path: Path) -> None:
    block = LedgerDatabase.model_validate({"url": f"sqlite:///{tmp_path / 'secret-place.db'}"})
    assert await claims(block.get_ledger(), "r1")
    assert "secret-place" not in repr(block)
