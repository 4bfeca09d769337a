"""What is posted in Slack, together with what, when, and at what cost."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest

from midwatch.ledger import AskRow, Ledger
from midwatch.ledger.transaction import Read
from tasks.slack.buttons import value
from tasks.slack.posting import Board
from tests.cli.slack_house import OTHER, Watch, decided_in_the_terminal, watching
from tests.tasks.slack.slack_server import ANNA, BELA, CHANNEL
from tests.tasks.slack.waiting import RUN, asks, started

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made


@pytest.fixture
async def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    async with watching(tmp_path, monkeypatch) as it:
        yield it


T = TypeVar("T")


async def test_the_same_asked_by_two_runs_is_one_message_and_each_run_goes_on_by_its_own_answer(watch: Watch) -> None:
    await started(watch.ledger, OTHER)
    await asks(watch.ledger)
    other = await asks(watch.ledger, run_id=OTHER)
    async with watch.door():
        await watch.shows("· run f1f9a002")
        click = watch.slack.click_of(BELA, "approve", value(other))
        await watch.slack.send(click)
        await watch.shows("approved by slack:U2BELA")
        assert watch.prefect.resumed == [OTHER]
        await watch.slack.click(ANNA, "deny")
        await watch.shows("night  · decided")
    assert (watch.prefect.resumed, watch.slack.posts) == ([OTHER, RUN], 1)


async def test_a_question_that_comes_later_joins_the_message_that_asks_for_the_same(watch: Watch) -> None:
    await started(watch.ledger, OTHER)
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        await asks(watch.ledger, run_id=OTHER)
        await watch.shows("· run f1f9a002")
    assert watch.slack.posts == 1


async def test_what_nobody_is_to_be_interrupted_for_is_posted_when_they_may_be(watch: Watch) -> None:
    first = await asks(watch.ledger)
    quiet: set[str] = set()
    weighed: list[str] = []

    async def wait(rows: Sequence[AskRow]) -> set[str]:
        weighed.extend(row.ask_id for row in rows)
        return quiet

    async with watch.door(rounds=False) as door:
        door.board.wait = wait
        await door.board.one_round()
        later = await asks(watch.ledger, "main:2", tool="shell", arguments={"command": "make"})
        quiet.add(later.ask_id)
        for _ in range(3):
            assert await door.board.one_round() == []
            assert "shell" not in watch.slack.text()
        quiet.clear()
        await door.board.one_round()
        assert "2 · shell" in watch.slack.text()
        await door.board.one_round()
    assert weighed == [first.ask_id, *[later.ask_id] * 4]  # what was posted is weighed no more
    assert watch.slack.posts == 1


async def test_a_question_that_a_notifier_has_not_weighed_yet_waits_for_it(watch: Watch) -> None:
    await watch.ledger.see_people({"anna": json.dumps({"agents": []})})
    await asks(watch.ledger, created_at=datetime.now(UTC))
    async with watch.door(rounds=False) as door:
        await door.board.one_round()
        assert watch.slack.posts == 0
        await asks(watch.ledger, "main:2", created_at=datetime.now(UTC) - timedelta(minutes=1))
        await door.board.one_round()
        assert watch.slack.buttons(number=1) != []  # the older one is number 1
        assert "2 · write_file" not in watch.slack.text()


async def test_where_nobody_can_say_whether_it_may_wait_it_is_asked_at_once(watch: Watch) -> None:
    async def away(_rows: Sequence[AskRow]) -> set[str]:
        raise KeyError("agents")

    async with watch.door() as door:
        door.board.wait = away
        await asks(watch.ledger)
        await watch.shows("write_file")


class Counted(Ledger):
    """How often it was looked into."""

    reads = 0

    async def read(self, work: Callable[[Read], T]) -> T:
        self.reads += 1
        return await super().read(work)


async def test_what_waits_costs_one_look_a_round_however_much_it_is(watch: Watch) -> None:
    for number in range(13):
        await started(watch.ledger, f"{number:08}-run")
        await asks(watch.ledger, run_id=f"{number:08}-run", tool=f"tool_{number}")
    async with watch.door(rounds=False) as door, Counted.open(watch.url) as ledger:
        door.board.ledger = ledger
        await door.board.one_round()
        at_rest = [await _reads(door.board, ledger) for _ in range(3)]
        await decided_in_the_terminal(watch.ledger, (await watch.ledger.open_asks())[0])
        after_one_decision = await _reads(door.board, ledger)
    assert (watch.slack.posts, watch.slack.calls.count("chat.update")) == (13, 1)
    assert (at_rest, after_one_decision) == ([1, 1, 1], 6)


async def _reads(board: Board, ledger: Counted) -> int:
    before = ledger.reads
    assert await board.one_round() == []
    return ledger.reads - before


async def test_a_message_with_many_more_questions_than_it_can_show_holds_them_all(watch: Watch) -> None:
    rows = [await asks(watch.ledger, f"main:{number:03}") for number in range(60)]
    async with watch.door():
        await watch.shows("more do not fit here, and come up as these are decided")
        assert "60 questions" in watch.slack.message["text"]
        for row in rows[:40]:
            await decided_in_the_terminal(watch.ledger, row)
        await watch.shows("60 · write_file") if "60 · " in watch.slack.text() else await watch.shows("41 · write_file")
        for row in rows[40:]:
            await decided_in_the_terminal(watch.ledger, row)
        await watch.shows("night  · decided")
    assert watch.slack.posts == 1


async def test_messages_about_questions_that_the_ledger_does_not_know_are_let_go(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    gone = {"post_id": "p", "ask_ids": ["gone:1"], "channel": CHANNEL, "tried_at": 1, "ts": "1.0", "shown": ["gone:1"]}
    (watch.home / "slack.json").write_text(json.dumps([{**gone, "run_id": "gone"}]))
    await asks(watch.ledger)
    async with watch.door() as door:
        await watch.shows("write_file")
        await door.board.one_round()
        assert len(door.board.posts) == 1
    assert capsys.readouterr().out.count("no ask 'gone:1'") == 1
