"""A ledger of its own for every test of a task."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from midwatch.ledger import Ledger


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Ledger]:
    async with Ledger.open(ledger_url) as ledger:
        yield ledger
