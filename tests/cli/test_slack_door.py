"""The door in Slack: one decision, whoever clicks how often, and whatever the line does."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from blocks import Slack
from cli import service, slack_door
from cli.slack_door import ROUND_SECONDS
from midwatch.ledger import Ledger
from tasks.harness.place import Place
from tasks.permissions.answers import expire
from tasks.slack.posts import Post
from tests.cli.slack_house import Watch, decided_in_the_terminal, saved, watching
from tests.conftest import PROJECT, PrefectHouse
from tests.tasks.slack.slack_server import ANNA, APP, BELA, BOT, CHANNEL, EVE, slack_server
from tests.tasks.slack.waiting import RUN, Suspension, asks, started

pytestmark = pytest.mark.usefixtures("ledger_url")  # a copy is cheaper than one that is made


@pytest.fixture
async def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    async with watching(tmp_path, monkeypatch) as it:
        yield it


async def test_a_click_decides_rewrites_the_message_and_sends_the_run_on(watch: Watch) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("needs your decision")
        await watch.slack.click(ANNA, "approve")
        await watch.shows("approved by slack:U1ANNA anna through slack")
    row = await watch.row()
    assert (row.verdict, row.by, row.via, row.granted_digest) == ("approved", "slack:U1ANNA anna", "slack", row.digest)
    assert (watch.prefect.resumed, watch.slack.posts) == ([RUN], 1)


async def test_one_message_holds_all_questions_of_a_round_and_each_is_decided_by_itself(watch: Watch) -> None:
    await asks(watch.ledger, "main:1")
    await asks(watch.ledger, "main:2", tool="shell", arguments={"command": "make"})
    async with watch.door():
        await watch.shows("2 · shell")
        await watch.slack.click(ANNA, "deny", number=2)
        await watch.shows("denied by")
        assert watch.prefect.resumed == []
        await watch.slack.click(BELA, "approve", number=1)
        await watch.shows("night  · decided")
    assert [(await watch.row(place)).verdict for place in (0, 1)] == ["approved", "denied"]
    assert (watch.prefect.resumed, watch.slack.posts) == ([RUN], 1)


async def test_whoever_is_not_listed_is_told_so_and_nothing_happens(watch: Watch) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        for act in ("approve", "deny", "edit", "deny_because"):
            await watch.slack.click(EVE, act)
        await watch.slack.until(lambda: len(watch.slack.ephemeral) == 4)
        form = await watch.slack.opened(ANNA, "deny_because")
        sent = await watch.slack.submit(EVE, form, reason="because I say so")
    assert {one["user"] for one in watch.slack.ephemeral} == {EVE[0]}
    assert "Nothing was done" in json.dumps(sent)
    assert ((await watch.row()).verdict, watch.prefect.resumed, len(watch.slack.views)) == (None, [], 1)


@pytest.mark.parametrize(
    ("listed", "told"), [([BELA[0]], "Only those who are listed"), (None, "could not be looked up")]
)
async def test_whoever_was_taken_off_the_list_decides_nothing_from_then_on(
    watch: Watch, listed: list[str] | None, told: str
) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        watch.deciders = listed
        await watch.slack.click(ANNA, "approve")
        await watch.told(told)
    assert (await watch.row()).verdict is None


async def test_the_first_decision_counts_and_the_second_person_is_told_what_stands(watch: Watch) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        late = watch.slack.payload(BELA, "approve")
        await watch.slack.click(ANNA, "deny")
        await watch.slack.send(late)
        await watch.told("Decided already: denied by slack:U1ANNA anna through slack")
    assert ((await watch.row()).verdict, watch.slack.ephemeral[0]["user"]) == ("denied", BELA[0])


async def test_two_channels_at_once_give_one_decision(watch: Watch) -> None:
    row = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        by_click = watch.slack.click(ANNA, "approve")
        await asyncio.gather(by_click, decided_in_the_terminal(watch.ledger, row))
        await watch.shows("night  · decided")
        stands = await watch.row()
        if stands.via == "cli":
            await watch.told("Decided already: denied by carla through cli")
    assert (stands.verdict, stands.via) in [("approved", "slack"), ("denied", "cli")]
    assert await watch.row() == stands


async def test_a_double_click_and_a_replayed_payload_change_nothing(watch: Watch) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        click = watch.slack.payload(ANNA, "approve")
        await asyncio.gather(*(watch.slack.send(click) for _ in range(5)))
        await watch.shows("approved by")
        stands = await watch.row()
        await watch.slack.send({**click, "user": {"id": BELA[0], "username": BELA[1]}})
        await watch.told("Decided already: approved by slack:U1ANNA")
    assert await watch.row() == stands
    assert await watch.ledger.open_asks() == []


@pytest.mark.parametrize("value", ["", "x", "0" * 64 + " {ask}", "d" * 12 + " {ask}", "{digest} other", "{digest}"])
async def test_a_click_that_does_not_name_the_call_that_waits_decides_nothing(watch: Watch, value: str) -> None:
    ask = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        forged = watch.slack.click_of(ANNA, "approve", value.format(ask=ask.ask_id, digest=ask.digest))
        await watch.slack.send(forged)
        if value:
            await watch.told("Nothing was done")
    assert (await watch.row()).verdict is None


@pytest.mark.parametrize("act", ["", "settle", "expire", "answered"])
async def test_a_button_that_is_none_of_ours_decides_nothing(watch: Watch, act: str) -> None:
    ask = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        await watch.slack.send(watch.slack.click_of(ANNA, act, f"{ask.digest} {ask.ask_id}"))
        await watch.slack.click(ANNA, "deny")
        await watch.shows("denied by")


async def test_a_reason_reaches_the_ledger(watch: Watch) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        form = await watch.slack.opened(ANNA, "deny_because")
        assert await watch.slack.submit(ANNA, form, reason="not tonight") == {}
        await watch.shows("because: not tonight")
    row = await watch.row()
    assert (row.verdict, row.decided_because) == ("denied", "not tonight")


async def test_an_edit_is_typed_and_the_edited_call_alone_is_granted(watch: Watch) -> None:
    call = {"to": "a@corp.example", "amount": 12.50, "fast": True, "tags": ["x"], "note": "two\nlines"}
    await asks(watch.ledger, tool="pay", arguments=call)
    async with watch.door():
        await watch.shows("pay")
        form = await watch.slack.opened(ANNA, "edit")
        faults = await watch.slack.submit(ANNA, form, **{"1": "a lot"})
        assert "not JSON" in faults["errors"]["1"]
        faults = await watch.slack.submit(ANNA, form, **{"3": '"x"'})
        assert "it has to be a list" in faults["errors"]["3"]
        assert await watch.slack.submit(ANNA, form, **{"1": "10"}) == {}
        await watch.shows("edited by")
    row = await watch.row()
    assert json.loads(row.edited_args_json or "") == {**call, "amount": 10}
    assert row.granted_digest not in (None, row.digest)


async def test_a_question_is_answered_by_choice_or_in_ones_own_words(watch: Watch) -> None:
    question = {"question": "Which word?", "options": ["hello", "bye"]}
    await asks(watch.ledger, "main:1", kind="answer", tool="ask_human", arguments=question)
    await asks(watch.ledger, "main:2", kind="answer", tool="ask_human", arguments=question)
    async with watch.door():
        await watch.shows("Which word?")
        form = await watch.slack.opened(ANNA, "answer", number=1)
        nothing = await watch.slack.submit(ANNA, form)
        assert "answer" in nothing["errors"]
        assert await watch.slack.submit(ANNA, form, option="1") == {}
        form = await watch.slack.opened(ANNA, "answer", number=2)
        assert await watch.slack.submit(ANNA, form, answer="neither") == {}
        await watch.shows("· decided")
    assert [(await watch.row(place)).answer for place in (0, 1)] == ["bye", "neither"]


async def test_what_is_too_long_for_the_message_is_approved_only_from_the_form_that_shows_it_whole(
    watch: Watch,
) -> None:
    content = "\n".join(f"line {number}" for number in range(300)) + "\nthe end"
    ask = await asks(watch.ledger, arguments={"path": "a.txt", "content": content})
    async with watch.door():
        await watch.shows("characters are not shown here")
        assert [one["action_id"] for one in watch.slack.buttons()] == ["whole", "deny", "deny_because"]
        form = await watch.slack.opened(ANNA, "whole")
        assert "the end" in json.dumps(form)
        assert (await watch.row()).verdict is None
        assert await watch.slack.submit(ANNA, form) == {}
        await watch.shows("approved by")
    assert (await watch.row()).granted_digest == ask.digest


async def test_what_was_decided_elsewhere_is_rewritten_within_a_round(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cli.slack_door.ROUND_SECONDS", ROUND_SECONDS)
    row = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        await decided_in_the_terminal(watch.ledger, row)
        async with asyncio.timeout(3):
            await watch.shows("denied by carla through cli")
    assert [block["type"] for block in watch.slack.message["blocks"]] == ["rich_text"] * 3


async def test_silence_is_rewritten_too_and_a_click_after_the_deadline_is_silence(watch: Watch) -> None:
    first, second = await asks(watch.ledger, "main:1", minutes=-1), await asks(watch.ledger, "main:2", minutes=-1)
    async with watch.door():
        await watch.shows("2 · write_file")
        await watch.slack.click(ANNA, "approve", number=2)
        await watch.slack.until(lambda: watch.slack.text().count("expired by nobody through keeper") == 1)
        await expire(watch.ledger, first)
        await watch.slack.until(lambda: watch.slack.text().count("expired by nobody through keeper") == 2)
    assert (await watch.ledger.ask(second.ask_id)).verdict == "expired"


async def test_a_new_process_goes_on_with_the_old_messages(watch: Watch) -> None:
    row = await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
    await decided_in_the_terminal(watch.ledger, row)
    async with watch.door():
        await watch.shows("denied by carla")
    assert watch.slack.posts == 1


async def test_a_post_whose_answer_was_lost_is_found_again_and_not_posted_twice(watch: Watch) -> None:
    await asks(watch.ledger)
    watch.slack.cut.add("chat.postMessage")
    async with watch.door():
        await watch.slack.until(lambda: "chat.update" in watch.slack.calls)
        await watch.slack.click(ANNA, "approve")
        await watch.shows("approved by")
    assert (watch.slack.posts, watch.slack.calls.count("conversations.history")) == (1, 1)


async def test_a_page_of_some_proxy_instead_of_an_answer_is_no_end(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("tasks.slack.posting.REST", 0.01)
    await asks(watch.ledger)
    watch.slack.down.add("chat.postMessage")
    async with watch.door():
        await watch.shows("write_file")
    assert "Slack refused its message: HTTP 503" in capsys.readouterr().out


async def test_a_process_that_died_between_post_and_file_does_not_post_twice(watch: Watch) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
    path = watch.home / "slack.json"
    (post,) = json.loads(path.read_text())
    path.write_text(json.dumps([{**post, "ts": "", "shown": None}]))
    async with watch.door():
        await watch.slack.until(lambda: "chat.update" in watch.slack.calls)
    assert watch.slack.posts == 1


@pytest.mark.parametrize("kept", ["", "{", '{"a": 1}', "[1]", '[{"post_id": "x"}]'])
async def test_a_damaged_file_asks_people_once_more(
    watch: Watch, capsys: pytest.CaptureFixture[str], kept: str
) -> None:
    await asks(watch.ledger)
    (watch.home / "slack.json").write_text(kept)
    async with watch.door():
        await watch.shows("write_file")
    assert "what waits is posted anew" in capsys.readouterr().out


async def test_a_decision_that_cannot_be_written_down_is_no_decision_and_the_person_hears_of_it(
    watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise OSError("disk full")

    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        form = await watch.slack.opened(ANNA, "deny_because")
        monkeypatch.setattr("tasks.slack.hearing.meaning", broken)
        await watch.slack.click(ANNA, "approve")
        await watch.told("It failed on the way")
        assert "It failed on the way" in json.dumps(await watch.slack.submit(ANNA, form))
    assert ((await watch.row()).verdict, watch.prefect.resumed) == (None, [])


async def test_slack_asks_for_a_pause_and_gets_it(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[float] = []

    async def pause(stop: asyncio.Event, seconds: float, *bells: asyncio.Event) -> None:
        paused.append(seconds)
        await service.pause(stop, min(seconds, 0.05), *bells)

    monkeypatch.setattr(slack_door, "pause", pause)
    watch.slack.pauses = {"chat.postMessage": [7, 31], "apps.connections.open": [0]}
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        assert {7, 31} <= set(paused)
        watch.slack.pauses = {"chat.update": [9], "views.open": [0], "chat.postEphemeral": [0]}
        await watch.slack.click(EVE, "approve")
        await watch.told("Nothing was done")
        form = await watch.slack.opened(ANNA, "deny_because")
        await watch.slack.submit(ANNA, form)
        await watch.shows("denied by")
    assert 9 in paused
    assert watch.slack.posts == 1


async def test_a_click_is_heard_on_the_connection_that_replaces_the_old_one(watch: Watch) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        await watch.slack.until(lambda: bool(watch.slack.links))
        (old,) = watch.slack.links
        await watch.slack.disconnect()
        await watch.slack.until(lambda: bool(watch.slack.links) and watch.slack.links != [old] and old.closed)
        await watch.slack.click(ANNA, "approve")
        await watch.shows("approved by")


async def test_a_click_is_heard_after_the_line_was_dropped(watch: Watch) -> None:
    await asks(watch.ledger)
    async with watch.door():
        await watch.shows("write_file")
        await watch.slack.until(lambda: bool(watch.slack.links))
        watch.slack.drop()
        await watch.slack.until(lambda: bool(watch.slack.links))
        await watch.slack.click(ANNA, "approve")
        await watch.shows("approved by")


async def test_a_message_that_somebody_deleted_is_posted_anew(watch: Watch) -> None:
    await asks(watch.ledger, "main:1")
    await asks(watch.ledger, "main:2")
    async with watch.door():
        await watch.shows("2 · write_file")
        click = watch.slack.payload(ANNA, "deny")
        watch.slack.messages.clear()
        await watch.slack.send(click)
        await watch.shows("denied by")
    assert watch.slack.posts == 2


async def test_a_message_that_slack_refuses_keeps_no_other_from_being_posted(
    watch: Watch, capsys: pytest.CaptureFixture[str]
) -> None:
    await asks(watch.ledger)
    async with watch.door() as door:
        await watch.shows("write_file")
        (post,) = door.board.posts
        door.board.posts = (*(_refused(post, n) for n in range(2)), post)
        row = await watch.row()
        await decided_in_the_terminal(watch.ledger, row)
        await watch.shows("denied by")
        assert watch.slack.calls.count("chat.update") == 3
    assert capsys.readouterr().out.count("Slack refused its message: channel_not_found") == 2


def _refused(post: Post, number: int) -> Post:
    return replace(post, post_id=f"other {number}", channel="C0GONE", ts="1.0", shown=None)


async def test_a_block_that_is_not_there_or_a_wrong_token_ends_nothing(
    watch: Watch, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stop = asyncio.Event()
    found: list[Slack | None] = [None, saved(watch.slack, token="wrong")]

    async def load(_name: str) -> Slack:
        if (block := found.pop(0)) is None:
            raise ValueError("Unable to find block document named ops")
        return block

    async def no_pause(*_: object) -> None:
        if not found:
            stop.set()

    monkeypatch.setattr(Slack, "aload", load)
    monkeypatch.setattr(service, "pause", no_pause)
    monkeypatch.setattr(slack_door, "get_client", _nobody)
    await slack_door.keep("ops", Place(project=watch.home, home=watch.home), stop)
    said = capsys.readouterr().out
    assert "Unable to find block document" in said
    assert "invalid_auth" in said
    assert "wrong" not in said


@asynccontextmanager
async def _nobody() -> AsyncIterator[Any]:
    yield Suspension().client


async def test_the_process_finds_its_block_and_ends_when_it_is_told_to(in_house: PrefectHouse) -> None:
    """With the real Prefect, which has no such run: the decision stands, and the process goes on."""
    async with slack_server() as slack, Ledger.open(f"sqlite+aiosqlite:///{in_house.home / 'ledger.db'}") as ledger:
        await ledger.migrate()
        await started(ledger, RUN)
        await asks(ledger)
        await saved(slack).asave("ops", overwrite=True)
        with (in_house.home / "slack.log").open("w") as log:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "cli.slack_door", "ops"), env=in_house.env, cwd=PROJECT, stdout=log, stderr=log
            )
        try:
            await slack.until(lambda: bool(slack.messages and slack.links), seconds=60)
            await slack.click(ANNA, "deny")
            await slack.until(lambda: "denied by slack:U1ANNA anna" in slack.text())
        finally:
            process.terminate()
            assert await process.wait() == 0
    said = (in_house.home / "slack.log").read_text()
    assert f"people are asked in {CHANNEL}" in said
    assert BOT not in said
    assert APP not in said


def test_the_house_has_the_door_only_where_slack_is_set_up(house: Any) -> None:
    from cli.children import household
    from cli.keys import kept, new_encryption_key, new_password

    def names(environ: dict[str, str]) -> list[str]:
        return [one.name for one in household(house, environ)]

    kept(house.auth, new_password)
    kept(house.encryption_key, new_encryption_key)
    assert "slack" not in names({})
    assert "slack" not in names({"MIDWATCH_SLACK": ""})
    assert names({"MIDWATCH_SLACK": "ops"})[-1] == "slack"
