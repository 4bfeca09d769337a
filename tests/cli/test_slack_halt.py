"""Halting from the menu beside a question in Slack: one of the deciders, at once, whatever becomes of the question."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from midwatch.halt import Target
from tasks.permissions.latch import Latch
from tests.cli.slack_house import Watch, watching
from tests.tasks.slack.slack_server import ANNA, EVE
from tests.tasks.slack.waiting import asks


@pytest.fixture
async def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    async with watching(tmp_path, monkeypatch) as it:
        yield it


async def test_a_decider_halts_the_agent_that_asks_and_the_question_stays(watch: Watch) -> None:
    row = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        await watch.slack.click(ANNA, "halt")
        await watch.told("`midwatch resume")
    (halt,) = Latch(watch.home).standing()
    assert (halt.target, halt.by, halt.via) == (Target.of(row.agent), "slack:U1ANNA anna", "slack")
    assert [one.target for one in await watch.ledger.halts_in_force()] == [halt.target]
    assert (await watch.row()).verdict is None


async def test_somebody_else_halts_nobody(watch: Watch) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        await watch.slack.click(EVE, "halt")
        await watch.told("Only those who are listed")
    assert (Latch(watch.home).standing(), await watch.ledger.halts_in_force()) == ([], [])
