"""The door in Slack, whole: the real slack-sdk against a Slack on 127.0.0.1; only Prefect is a fake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import SecretStr

from blocks import Slack
from cli.slack_door import SlackDoor, opened
from midwatch.errors import LedgerError
from midwatch.ledger import AskRow, Ledger
from midwatch.mandate import Terms
from midwatch.policy.offers import Bounds, Offer
from tasks.harness.place import Place
from tasks.permissions.answers import decide
from tasks.permissions.form import Answer
from tasks.slack.hearing import Widening
from tests.tasks.slack.slack_server import ANNA, APP, BELA, BOT, CHANNEL, SlackServer, slack_server
from tests.tasks.slack.waiting import RUN, Suspension, open_ledger_of

OTHER = "99990000-0f39-4c55-9e52-2f36f1f9a002"


class Wider:
    """What a yes brings besides, worked out at once."""

    def __init__(self) -> None:
        self.proposed: list[str] = []
        self.fault: str = ""

    @property
    def widening(self) -> Widening:
        return Widening(propose=self.propose, offer=self.offer)

    async def propose(self, rows: Sequence[AskRow]) -> list[str]:
        self.proposed += [row.ask_id for row in rows]
        return [f"{row.tool}: a rule is proposed as 1a2b:\n  - {row.tool}: a.txt" for row in rows]

    async def offer(self, row: AskRow, bounds: Bounds) -> Offer:
        if self.fault:
            raise LedgerError(self.fault)
        rules, tools = ({row.tool: "a.txt"},), {row.tool: "seal"}
        terms = Terms(agent=row.agent, rules=rules, tools=tools, uses=bounds.uses, until=bounds.until)
        return Offer(terms=terms, words=(f"{row.tool} of a.txt, {bounds.uses} times", "and nothing else"))


class Watch:
    """What a test works with: a ledger, a Slack, a Prefect, and the door whenever it is open."""

    def __init__(self, home: Path, ledger: Ledger, slack: SlackServer) -> None:
        self.home, self.ledger, self.slack, self.prefect = home, ledger, slack, Suspension()

        self.deciders: list[str] | None = [ANNA[0], BELA[0]]
        self.wider = Wider()

    @property
    def url(self) -> str:
        return f"sqlite+aiosqlite:///{self.home / 'ledger.db'}"

    async def listed(self) -> list[str]:
        if self.deciders is None:
            raise OSError("Prefect is away")
        return self.deciders

    @asynccontextmanager
    async def door(self, *, rounds: bool = True) -> AsyncIterator[SlackDoor]:
        """The process, from its start to its end; without rounds, the test goes them itself."""
        stop = asyncio.Event()
        here = Place(project=self.home, home=self.home)
        async with opened(
            saved(self.slack), self.listed, self.ledger, self.prefect.client, here, self.wider.widening
        ) as door:
            going = asyncio.ensure_future(door.rounds(stop)) if rounds else None
            try:
                yield door
            finally:
                stop.set()
                if going is not None:
                    await going

    async def shows(self, text: str) -> None:
        await self.slack.until(lambda: bool(self.slack.messages) and text in self.slack.text())

    async def row(self, place: int = 0) -> AskRow:
        return (await self.ledger.asks_of(RUN))[place]

    async def told(self, text: str) -> None:
        await self.slack.until(lambda: any(text in json.dumps(one, ensure_ascii=False) for one in self.slack.ephemeral))


def saved(slack: SlackServer, token: str = BOT) -> Slack:
    return Slack(
        bot_token=SecretStr(token),
        app_token=SecretStr(APP),
        channel=CHANNEL,
        deciders=[ANNA[0], BELA[0]],
        api_url=f"{slack.url}/api/",
    )


async def decided_in_the_terminal(ledger: Ledger, row: AskRow) -> None:
    await decide(ledger, row, Answer(ask_id=row.ask_id, verdict="denied"), by="carla", via="cli")


@asynccontextmanager
async def watching(home: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Watch]:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("cli.slack_door.ROUND_SECONDS", 0.2)  # most tests wait for one
    async with open_ledger_of(home) as ledger, slack_server() as slack:
        yield Watch(home, ledger, slack)
