"""`midwatch show`: what a run did, line by line."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.console import Console

from cli.show import print_run
from midwatch.ledger import Ledger
from tests.midwatch.ledger.test_stories import ruled
from tests.tasks.digest.night import empty_night

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made


async def _told(ledger: Ledger, run_id: str) -> str:
    lists = {"asks": await ledger.asks_of(run_id), "effects": await ledger.effects_of(run_id)}
    lists |= {"steps": await ledger.steps_of(run_id), "decisions": await ledger.decisions_of(run_id)}
    console = Console(width=200)
    with console.capture() as capture:
        print_run({"run": await ledger.run(run_id), "spent": await ledger.spent_by(run_id), **lists}, console)
    return " ".join(capture.get().split())


async def test_a_layer_is_named_once(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        run = await night.begins("owl")
        await night.ledger.record_step(run, "run/habit", kind="monitoring", name="monitoring · its habit")
        told = await _told(night.ledger, run)
    assert (told.count("monitoring"), "monitoring · its habit" in told) == (1, True)
    assert "by a schedule" in told


async def test_a_decision_stands_above_the_call_that_was_taken_on_it(tmp_path: Path) -> None:
    async with empty_night(tmp_path) as night:
        run = await night.begins("owl")
        await night.ledger.record_step(run, "main/tool/1", kind="tool", name="write_file", decided=ruled("1"))
        told = await _told(night.ledger, run)
    assert 0 < told.index("permissions · write_file: allow") < told.index("tool · write_file")
