"""Cost: a call takes the database no more work late in a long run than early in it."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Self

import pytest

from midwatch.decision import Decision
from midwatch.ledger import Decided, Ledger
from midwatch.ledger.transaction import Read

YES = Decision(verdict="allow", rule="allow.git-read", reason="git log only reads")


class Meter:
    """Counts the instructions of SQLite's virtual machine: the work of a query, whatever else the machine does."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger, self.instructions = ledger, 0

    async def __aenter__(self) -> Self:
        await self.ledger.read(lambda tx: self.install(tx, self.tick))
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.ledger.read(lambda tx: self.install(tx, None))

    @staticmethod
    def install(tx: Read, handler: Callable[[], int] | None) -> None:
        driver = tx.connection.connection.driver_connection
        assert driver is not None
        driver.set_progress_handler(handler, 1)

    def tick(self) -> int:
        self.instructions += 1
        return 0


@pytest.fixture
async def ledger(blank_sqlite: Path, tmp_path: Path) -> AsyncIterator[Ledger]:
    shutil.copy(blank_sqlite, tmp_path / "ledger.db")
    async with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        moment = datetime(2026, 3, 1, tzinfo=UTC)
        await ledger.start_run(
            "r",
            agent="owl",
            cause="person",
            slot=None,
            level=3,
            asked_level=None,
            input={},
            fingerprint="f",
            started_at=moment,
        )
        yield ledger


async def one_turn(ledger: Ledger, number: int) -> None:
    """What the harness writes and reads for one step of an agent."""
    await ledger.record_step("r", f"model/{number:05}", kind="model", name="m", tokens_in=9, usd=Decimal("0.001"))
    position = f"gate/{number:05}"
    await ledger.record_decision("r", Decided(position=position, tool="mail", args_json="{}", digest="d", decision=YES))
    key = f"c{number:05}"
    effect = await ledger.reserve("r", key, digest="d", tool="mail", args_json="{}", idempotency_key=key)
    await ledger.consume(effect.effect_id, '"sent"')
    await ledger.spent_today("owl", datetime.now(UTC))


async def work_of_turn(ledger: Ledger, number: int) -> int:
    async with Meter(ledger) as meter:
        await one_turn(ledger, number)
    return meter.instructions


async def test_the_hundredth_turn_takes_as_much_work_as_the_tenth(ledger: Ledger) -> None:
    for number in range(10):
        await one_turn(ledger, number)
    early = await work_of_turn(ledger, 10)
    for number in range(11, 100):
        await one_turn(ledger, number)
    late = await work_of_turn(ledger, 100)
    assert 100 < late <= early * 1.1
