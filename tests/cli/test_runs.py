"""`midwatch runs`: how each run stands."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from cli.runs import _read, _table
from tests.tasks.digest.night import Night, empty_night

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made


async def test_a_run_that_waits_for_a_person_does_not_go_on(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        waits, goes = await night.begins("owl"), await night.begins("owl")
        await night.asks(waits, "delete_file", 9)
        told = await _told(night)
    assert [run_id for run_id in (waits, goes) if f"{run_id[-8:]} owl" in told] == [waits, goes]
    assert (told.count("waits for you"), told.count("goes on")) == (1, 1)


async def _told(night: Night) -> str:
    console = Console(width=200)
    with console.capture() as capture:
        console.print(_table(*await _read(night.ledger, None, 20)))
    return " ".join(capture.get().split())
