"""One question, and everybody answers it at once: in Slack, on the page and in two terminals."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from midwatch.ledger import AskDecision, AskRow, Ledger
from tasks.permissions.answers import decide
from tasks.permissions.form import Answer, Verdict
from tests.cli.page_house import Standing, form_of
from tests.cli.slack_house import Watch, watching
from tests.tasks.slack.slack_server import ANNA
from tests.tasks.slack.waiting import asks

ROUNDS = 8


@pytest.fixture
async def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    async with watching(tmp_path, monkeypatch) as it:
        yield it


async def in_a_terminal(url: str, row: AskRow, verdict: Verdict) -> AskDecision:
    """With a connection of its own, as a process has it."""
    async with Ledger.open(url) as ledger:
        return await decide(ledger, row, Answer(ask_id=row.ask_id, verdict=verdict), by="carla", via="cli")


async def test_one_answer_counts_and_everybody_else_is_told(watch: Watch) -> None:
    page = Standing(ledger=watch.ledger, url="http://127.0.0.1:4300")
    won: list[str | None] = []
    async with watch.door(), page.visitor() as phone:
        for number in range(1, ROUNDS + 1):
            row = await asks(watch.ledger, f"main:{number:02}")
            await watch.shows(f"{number} · write_file")
            link = page.link(row)
            _, token = form_of((await phone.get(link)).text)
            sent, _, first, second = await asyncio.gather(
                phone.post(link, {"form": token, "q0.do": "approve"}),
                watch.slack.click(ANNA, "deny", number=number),
                in_a_terminal(watch.url, row, "denied"),
                in_a_terminal(watch.url, row, "approved"),
            )
            stands = await watch.ledger.ask(row.ask_id)
            won.append(stands.via)
            assert (sent.status_code == 303) == (stands.via == "page")
            assert [made.first for made in (first, second)].count(True) == (stands.via == "cli")
            assert {made.row for made in (first, second)} == {stands}
            assert stands.granted_digest == (row.digest if stands.verdict == "approved" else None)
    with closing(sqlite3.connect(watch.home / "ledger.db")) as journal:
        assert journal.execute("SELECT count(*) FROM journal WHERE kind = 'ask_decided'").fetchone() == (ROUNDS,)
    assert set(won) <= {"page", "slack", "cli"}
