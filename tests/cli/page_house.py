"""The approval page over a temporary ledger, as an ASGI application or on a real port; only Prefect is a fake."""

from __future__ import annotations

import asyncio
import json
import re
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

import httpx
import uvicorn

from cli.loopback import Server
from cli.page_address import Address
from cli.page_app import Door
from cli.page_login import Logins
from cli.page_night import Nights
from midwatch.errors import LedgerError
from midwatch.ledger import AskRow, Ledger
from midwatch.mandate import Terms
from midwatch.policy.offers import Bounds, Offer
from tasks.harness.place import Place
from tasks.page.tokens import Signer
from tests.tasks.slack.waiting import open_ledger_of

PASSWORD = "midwatch:not-a-real-one"
OPERATOR = "operator"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@dataclass
class Standing:
    """A page, and what a test sees behind it."""

    ledger: Ledger
    url: str
    public: str = ""
    home: Path = field(default_factory=Path)
    digest: Callable[[], Awaitable[str]] | None = None
    zone: ZoneInfo = field(default_factory=lambda: ZoneInfo("Europe/Berlin"))
    resumed: list[str] = field(default_factory=list)
    proposed: list[str] = field(default_factory=list)
    later: timedelta = timedelta()
    """How far the page's clock is ahead."""

    def __post_init__(self) -> None:
        self.signer = Signer("a key of the tests", PASSWORD)
        self.door = Door(
            ledger=self.ledger,
            logins=Logins(
                signer=self.signer,
                operator=OPERATOR,
                address=Address(local=self.url, public=self.public or self.url),
                now=self.now,
            ),
            ui="http://127.0.0.1:4200",
            resume=self._resume,
            propose=self._propose,
            offer=self._offer,
            digest=self.digest,
            nights=Nights(
                ledger=self.ledger,
                place=Place(project=self.home, home=self.home),
                zone=self.zone,
                ui="http://127.0.0.1:4200",
            ),
        )

    def now(self) -> datetime:
        return datetime.now(UTC) + self.later

    async def _resume(self, run_id: str) -> None:
        self.resumed.append(run_id)

    async def _propose(self, rows: Sequence[AskRow]) -> list[str]:
        self.proposed += [row.ask_id for row in rows]
        return [f"{row.tool}: a rule is proposed as 0a1b2c3d" for row in rows]

    async def _offer(self, row: AskRow, bounds: Bounds) -> Offer:
        if row.tool == "shell":
            raise LedgerError("shell: no mandate can be made of it")
        terms = Terms(
            agent=row.agent, rules=(row.tool,), tools={row.tool: "seal"}, uses=bounds.uses, until=bounds.until
        )
        return Offer(terms=terms, words=(f"{bounds.uses} more calls of {row.tool}.",))

    def link(self, *rows: AskRow, person: str = "anna") -> str:
        return f"/r/{self.signer.link(rows, person, self.now())}"

    def place(self, *rows: AskRow) -> str:
        """Where somebody who logged in sees these questions."""
        return f"/request?{urlencode([('ask', row.ask_id) for row in rows])}"

    @asynccontextmanager
    async def operator(self) -> AsyncIterator[Visitor]:
        """The browser of somebody who logged in."""
        async with self.visitor() as one:
            await one.log_in()
            yield one

    @asynccontextmanager
    async def visitor(self) -> AsyncIterator[Visitor]:
        """Somebody's browser."""
        transport = httpx.ASGITransport(app=self.door.app(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url=self.public or self.url) as client:
            yield Visitor(client)


@dataclass
class Visitor:
    """What a browser does, without one."""

    client: httpx.AsyncClient

    async def get(self, path: str, **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=headers)

    async def post(self, path: str, fields: dict[str, str], **headers: str) -> httpx.Response:
        sent = {**FORM, "Origin": str(self.client.base_url).rstrip("/"), **headers}
        return await self.client.post(path, content=urlencode(fields), headers=sent)

    async def send(self, path: str, **fields: str) -> httpx.Response:
        """Open a page, and send its form with these fields; `_` in a name is a dot."""
        page = await self.get(path)
        action, token = form_of(page.text)
        named = {name.replace("_", ".", 1): text for name, text in fields.items()}
        return await self.post(action, {"form": token, **named})

    async def log_in(self, password: str = PASSWORD) -> httpx.Response:
        return await self.post("/login", {"password": password})


def form_of(html: str) -> tuple[str, str]:
    """Where the page's own form goes, and its token."""
    main = html[html.index("<main>") :]
    found = re.search(r'<form method="post" action="([^"]+)".*?name="form" value="([^"]+)"', main, re.DOTALL)
    assert found, main
    return unescape(found[1]), unescape(found[2])


def text_of(html: str) -> str:
    """What is on the page, without its marks."""
    main = html[html.index("<main>") :]
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", "", main)))


@asynccontextmanager
async def standing(home: Path, public: str = "") -> AsyncIterator[Standing]:
    async with open_ledger_of(home) as ledger:
        yield Standing(ledger=ledger, url="http://127.0.0.1:4300", public=public, home=home)


@asynccontextmanager
async def served(home: Path, digest: Callable[[], Awaitable[str]] | None = None) -> AsyncIterator[Standing]:
    """The same on a port of 127.0.0.1."""
    async with open_ledger_of(home) as ledger:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            url = f"http://127.0.0.1:{listener.getsockname()[1]}"
            page = Standing(ledger=ledger, url=url, home=home, digest=digest)
            config = uvicorn.Config(page.door.app(), lifespan="off", ws="none", log_level="warning")
            async with serving(config, listener):
                yield page


@asynccontextmanager
async def serving(config: uvicorn.Config, listener: socket.socket) -> AsyncIterator[None]:
    """The page's own server at work."""
    server = Server(config)
    at_work = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        yield
    finally:
        server.should_exit = True
        await at_work


def context(**facts: object) -> str:
    """The `context_json` of a question."""
    return json.dumps(facts)
