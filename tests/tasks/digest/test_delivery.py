"""Delivery: each place takes a digest once, whatever fails on the way; against a Slack, a mail server and a webhook here."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import pytest
from pydantic import SecretStr

from blocks import Mail, Slack
from midwatch.digest import Digest
from midwatch.ledger import Ledger
from midwatch.ledger.digests import Place
from tasks.digest.channels import Channels, Refused, SlackChannel
from tasks.digest.delivery import InDoubt, deliver
from tasks.digest.letter import Letter, post
from tests.tasks.digest.night import DAWN, busy, empty_night
from tests.tasks.digest.test_facts import LINKS, told
from tests.tasks.notices.loopback import MailServer, listening
from tests.tasks.slack.slack_server import APP, BOT, CHANNEL, SlackServer, slack_server, strings

pytestmark = [
    pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning"),  # of Apprise
    pytest.mark.usefixtures("ledger_url"),  # a copy is cheaper than one that is made
]


@dataclass(kw_only=True)
class Post:
    """A ledger with a digest that is to be delivered."""

    ledger: Ledger
    letter: Letter

    async def states(self) -> list[tuple[Place, str, str]]:
        rows = await self.ledger.deliveries_of(self.letter.digest_id)
        return [(row.place, row.state, row.taken_by or row.fault) for row in rows]


@pytest.fixture
async def out(tmp_path: Path) -> AsyncIterator[Post]:
    async with empty_night(tmp_path) as night:
        await busy(night)
        digest = await told(night, tmp_path)
        row = await night.ledger.begin_digest("", DAWN.date())
        yield Post(ledger=night.ledger, letter=Letter(digest_id=row.digest_id, digest=digest, links=LINKS))


@asynccontextmanager
async def slack() -> AsyncIterator[tuple[SlackServer, SlackChannel]]:
    async with slack_server() as server, aiohttp.ClientSession() as session:
        block = Slack(
            bot_token=SecretStr(BOT),
            app_token=SecretStr(APP),
            channel=CHANNEL,
            deciders=["U1ANNA"],
            api_url=f"{server.url}/api/",
        )
        yield server, SlackChannel(web=block.get_client(session), channel=block.channel)


async def test_slack_takes_it_once_whoever_tries(out: Post) -> None:
    async with slack() as (server, channel):
        assert await deliver(out.ledger, out.letter, "slack", channel) == f"slack: slack {CHANNEL}"
        assert await deliver(out.ledger, out.letter, "slack", channel) == "slack: was there already"
        assert server.posts == 1
        text = " ".join(strings(server.message["blocks"]))
    assert "price-watch" in text
    assert "14 times" in text
    assert "<!channel>" not in server.message["text"]
    assert server.message["metadata"]["event_payload"] == {"digest_id": out.letter.digest_id}
    assert await out.states() == [("slack", "taken", f"slack {CHANNEL}")]


async def test_what_slack_took_before_the_line_broke_is_not_posted_again(out: Post) -> None:
    async with slack() as (server, channel):
        server.cut.add("chat.postMessage")
        with pytest.raises(aiohttp.ClientError):
            await deliver(out.ledger, out.letter, "slack", channel)
        assert await out.states() == [("slack", "trying", "")]
        assert await deliver(out.ledger, out.letter, "slack", channel) == "slack: was there already"
        assert server.posts == 1


async def test_what_never_reached_slack_is_posted_by_the_next_try(out: Post) -> None:
    async with slack() as (server, channel):
        server.down.add("chat.postMessage")
        with pytest.raises(Exception):  # noqa: B017  # whatever slack-sdk makes of a page of some proxy
            await deliver(out.ledger, out.letter, "slack", channel)
        await deliver(out.ledger, out.letter, "slack", channel)
        assert server.posts == 1


@pytest.mark.parametrize("fault", ["ratelimited", "not_in_channel"])
async def test_what_slack_refused_may_be_tried_again(out: Post, fault: str) -> None:
    async with slack() as (server, channel):
        if fault == "ratelimited":
            server.pauses["chat.postMessage"] = [1]
        else:
            server.refuse["chat.postMessage"] = fault
        with pytest.raises(Refused, match=fault):
            await deliver(out.ledger, out.letter, "slack", channel)
        assert (await out.states())[0][1] == "refused"
        server.refuse.clear()
        await deliver(out.ledger, out.letter, "slack", channel)
        assert (await out.states())[0][1] == "taken"


@dataclass
class Pager:
    """A channel of which nobody can ask what it has."""

    down: bool = False
    got: list[str] = field(default_factory=list)

    async def arrived(self, letter: Letter) -> None:
        return None

    async def send(self, letter: Letter) -> str:
        if self.down:
            raise TimeoutError
        self.got.append(letter.text)
        return "custom-webhook/pager"


async def test_where_nobody_can_tell_it_is_not_sent_twice(out: Post) -> None:
    pager = Pager(down=True)
    with pytest.raises(TimeoutError):
        await deliver(out.ledger, out.letter, "channels", pager)
    pager.down = False
    with pytest.raises(InDoubt, match="midwatch digest"):
        await deliver(out.ledger, out.letter, "channels", pager)
    assert pager.got == []


async def test_a_person_without_a_working_channel_is_told_of_by_name(out: Post) -> None:
    with pytest.raises(Refused, match="custom-webhook/none: no such notification block"):
        await deliver(out.ledger, out.letter, "channels", Channels(names=["custom-webhook/none"]))
    assert (await out.states())[0][1] == "refused"


def mail(server: MailServer) -> Mail:
    return Mail(
        server="127.0.0.1",
        port=server.port,
        security="insecure",
        sender="midwatch@house.example",
        recipients=["anna@house.example", "bela@house.example"],
    )


async def test_a_mail_is_text_and_html_and_has_one_name(out: Post) -> None:
    server = MailServer()
    async with listening(server):
        await post(mail(server), out.letter)
        await post(mail(server), out.letter)
    first, second = server.mails
    assert first["Message-ID"] == second["Message-ID"]
    assert server.recipients[:2] == ["anna@house.example", "bela@house.example"]
    text, html = first.get_body(("plain",)), first.get_body(("html",))
    assert text is not None
    assert html is not None
    assert "price-watch failed 14 times" in " ".join(text.get_content().split())
    assert "<svg" in html.get_content()
    assert first["Subject"] == out.letter.subject


async def test_a_mail_server_that_refuses_is_an_error(out: Post) -> None:
    server = MailServer(refuses=True)
    async with listening(server):
        with pytest.raises(OSError):
            await post(mail(server), out.letter)


def test_a_title_holds_no_foreign_word(out: Post) -> None:
    digest: Digest = out.letter.digest
    assert digest.title == "Digest: Sun 01 Mar 09:00 to Mon 02 Mar 08:30"
