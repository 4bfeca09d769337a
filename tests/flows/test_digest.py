"""The digest's flow on a real server: an artifact, once a day, however often it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from prefect.blocks.core import Block
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey
from prefect.client.schemas.objects import State
from pydantic import SecretStr

from blocks import Mail, Person, Slack
from flows.digest import digest
from midwatch.ledger.digests import DigestRow
from tests.flows.conftest import Night
from tests.tasks.notices.loopback import MailServer, listening
from tests.tasks.slack.slack_server import APP, BOT, CHANNEL, slack_server

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is deprecated:DeprecationWarning")  # of Apprise


async def artifacts() -> list[str]:
    """Every version of the digest that Prefect shows."""
    async with get_client() as client:
        mine = ArtifactFilter(key=ArtifactFilterKey(any_=["digest"]))
        return [str(each.data) for each in await client.read_artifacts(artifact_filter=mine)]


async def run_of_digest(**parameters: Any) -> State[Any]:
    state: State[Any] = await digest(**parameters, return_state=True)
    return state


async def last_digest(night: Night) -> DigestRow:
    found = await night.ledger.last_digest("")
    assert found is not None
    return found


async def fail_once(night: Night, run_id: str, agent: str) -> None:
    started: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    await night.ledger.start_run(run_id, agent=agent, cause="schedule", started_at=datetime.now(UTC), **started)
    await night.ledger.finish_run(run_id, outcome="failed", reason="the disk is <b>full</b>")


@asynccontextmanager
async def saved(**blocks: Block) -> AsyncIterator[None]:
    """Blocks in Prefect, for a while."""
    try:
        for name, block in blocks.items():
            await block.asave(name, overwrite=True)
        yield
    finally:
        for name, block in blocks.items():
            await type(block).adelete(name)


async def test_a_digest_is_made_once_a_day_and_again_where_somebody_asks(night: Night) -> None:
    await fail_once(night, "d1", "owl")
    before = len(await artifacts())
    first = await run_of_digest(again=True)  # another test may have made today's
    second = await run_of_digest()
    assert (first.is_completed(), first.message) == (True, "artifact: artifact")
    assert (second.is_completed(), second.message) == (True, "artifact: was there already")
    (made, *_) = texts = await artifacts()
    assert len(texts) == before + 1
    number = (await last_digest(night)).number
    assert "`owl` failed" in made
    assert "`the disk is <b>full</b>`" in made
    again = await run_of_digest(again=True)
    assert (again.message, len(await artifacts())) == ("artifact: artifact", before + 2)
    assert (await last_digest(night)).number == number + 1


async def test_slack_gets_the_houses_and_a_person_by_mail_their_own(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fail_once(night, "d2", "bat")
    await fail_once(night, "d3", "owl")  # the last one, which stands in the shortest of messages
    mails = MailServer()
    async with slack_server() as slack, listening(mails):
        door = Slack(
            bot_token=SecretStr(BOT),
            app_token=SecretStr(APP),
            channel=CHANNEL,
            deciders=["U1ANNA"],
            api_url=f"{slack.url}/api/",
        )
        mail = Mail(
            server="127.0.0.1",
            port=mails.port,
            security="insecure",
            sender="midwatch@house.example",
            recipients=["anna@house.example"],
        )
        anna = Person(time_zone="Asia/Tokyo", agents=["bat"], channels=["midwatch-mail/annas-mail"])
        monkeypatch.setenv("MIDWATCH_SLACK", "digests")
        async with saved(**{"digests": door, "annas-mail": mail, "anna": anna}):
            first, second = await run_of_digest(again=True), await run_of_digest()
    told = f"artifact: artifact; slack: slack {CHANNEL}; anna, channels: midwatch-mail/annas-mail"
    assert first.message == told
    assert second.message == (
        "artifact: was there already; slack: was there already; anna, channels: was there already"
    )
    assert (slack.posts, "owl" in slack.text()) == (1, True)
    (letter,) = mails.mails
    text = letter.get_body(("plain",))
    assert text is not None
    assert ("bat failed" in text.get_content(), "owl" in text.get_content()) == (True, False)
