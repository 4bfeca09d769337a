from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.tasks.triggers.outside import Outside
from tests.tasks.triggers.outside import outside as opened


@pytest.fixture
async def world(tmp_path: Path, ledger_url: str) -> AsyncIterator[Outside]:
    async with opened(tmp_path, ledger_url) as world:
        yield world
