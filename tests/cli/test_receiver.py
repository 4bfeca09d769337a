from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest
from starlette.applications import Starlette

from cli.beat import failing
from cli.children import household
from cli.home import House, furnish
from cli.hook_address import PORT
from cli.loopback import listening, served
from cli.page_wire import patient
from cli.ports import port_in
from cli.receiver import Desk, is_own
from cli.receiver_app import OF_ONE_HOOK, Receiver
from cli.secrets_at_hand import Secrets
from midwatch.agents import Agents
from midwatch.arrival_spec import Secret
from midwatch.errors import HouseError
from midwatch.ledger import Ledger
from tasks.triggers.webhooks import Webhooks
from tests.flows.conftest import eventually
from tests.flows.senders import receiver
from tests.tasks.triggers.outside import HOOKED, SECRET, Outside, issue, outside, signed


@pytest.fixture
async def world(tmp_path: Path, ledger_url: str) -> AsyncIterator[Outside]:
    async with outside(tmp_path, ledger_url) as world:
        world.agent("night", HOOKED.replace("scheme: github", "scheme: github\n      most_bytes: 2000"))
        yield world


def client(world: Outside) -> httpx.AsyncClient:
    """A sender, on the receiver's application itself."""
    webhooks = Webhooks(
        agents=world.agents,
        ledger=world.ledger,
        secret_of=Secrets(environ={"HOOK_SECRET": SECRET}).secret_of,
        accepted=lambda: None,
        say=lambda _: None,
        now=lambda: world.now,
    )
    transport = httpx.ASGITransport(Receiver(webhooks=webhooks).app())
    return httpx.AsyncClient(transport=transport, base_url="http://hooks.example")


async def sent(
    world: Outside, body: bytes | AsyncIterator[bytes], headers: dict[str, str], path: str
) -> httpx.Response:
    async with client(world) as sender:
        return await sender.post(path, content=body, headers=headers)


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_a_delivery_is_accepted_at_its_hook_s_address_alone(world: Outside) -> None:
    answers = [
        (await sent(world, issue(), signed(issue()), path)).status_code
        for path in ("/hooks/night/issues", "/hooks/night/other", "/hooks/night", "/hooks/..%2fnight/issues", "/")
    ]
    assert answers == [202, 404, 404, 404, 404]


async def test_nothing_but_a_post_is_heard(world: Outside) -> None:
    async with client(world) as sender:
        assert (await sender.get("/hooks/night/issues")).status_code == 405
        assert (await sender.get("/health")).text == "ok\n"


async def test_a_body_that_is_too_large_is_not_read_to_its_end(world: Outside) -> None:
    large = issue("x" * 3000)
    assert (await sent(world, large, signed(large), "/hooks/night/issues")).status_code == 413
    many = pieces(*[b"x" * 500] * 5)
    assert (await sent(world, many, {}, "/hooks/night/issues")).status_code == 413
    assert await world.ledger.arrivals() == []


@pytest.mark.parametrize("length", ["-1", "many", "9" * 30])
async def test_a_length_that_is_none_is_refused(world: Outside, length: str) -> None:
    headers = {**signed(issue()), "content-length": length}
    assert (await sent(world, pieces(issue()), headers, "/hooks/night/issues")).status_code == 413


async def test_a_ledger_that_is_away_asks_the_sender_to_come_again(world: Outside, tmp_path: Path) -> None:
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'none' / 'x' / 'ledger.db'}") as away:
        world.ledger = away
        answer = await sent(world, issue(), signed(issue()), "/hooks/night/issues")
    assert answer.status_code == 503
    assert answer.headers["retry-after"]


async def test_a_receiver_that_is_killed_has_lost_nothing_that_it_accepted(
    tmp_path: Path, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prefect is not even there."""
    monkeypatch.setenv("MIDWATCH_PROJECT", str(tmp_path))
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    furnish(House(project=tmp_path, home=tmp_path / "home"))
    async with outside(tmp_path, ledger_url) as world:
        world.agent("night")
    for life in range(2):
        async with receiver(tmp_path / "home") as senders:
            codes = await asyncio.gather(*(senders.post("night", issue(), f"d{life}-{n}") for n in range(10)))
            assert set(codes) == {202}
            senders.kill()
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'home' / 'ledger.db'}") as ledger:
        rows = await ledger.arrivals()
    assert {row.state for row in rows} == {"received"}
    assert len(rows) == 20


@asynccontextmanager
async def _nobody() -> AsyncIterator[None]:
    yield None


async def test_what_was_tried_in_vain_is_named_in_the_heartbeat_until_it_is_done(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody else has the port, and the ledger's tables are not there."""
    monkeypatch.setattr("cli.receiver.get_client", _nobody)
    monkeypatch.setattr("cli.receiver.BEAT_SECONDS", 0.02)
    monkeypatch.setattr("cli.receiver.LOOK_SECONDS", 0.02)
    (house.home / PORT).write_text(f"{house.port}\n")
    (house.project / "agents").mkdir()
    stop = asyncio.Event()

    async def beats(*names: str) -> None:
        async def as_told() -> bool:
            with suppress(OSError):
                return failing(house.home, "receiver") == [*names]
            return False

        await eventually(as_told)

    async with Ledger.open(f"sqlite+aiosqlite:///{house.home / 'ledger.db'}") as ledger:
        desk = Desk(house=house, ledger=ledger, agents=Agents(folder=house.project / "agents"), stop=stop)
        with socket.create_server(("127.0.0.1", house.port or 0)):
            at_work = asyncio.create_task(desk.work())
            await beats("dispatch", "webhooks")
        await beats("dispatch")
        await ledger.migrate()
        await beats()
        stop.set()
        await at_work


@pytest.mark.parametrize(
    ("file", "there"),
    [
        ("triggers:\n  webhooks: []\n", True),
        ("triggers: {after: [{agent: x}]}\n", True),
        ("triggers:\n  schedule: {missed: skip}\n", False),
        ("for_each:\n  files: '*'\n", False),
        ("not: [yaml", False),
    ],
)
def test_the_receiver_is_there_where_an_agent_needs_it(house: House, file: str, there: bool) -> None:
    (house.project / "agents").mkdir()
    (house.project / "agents" / "night.yaml").write_text(file)
    house.auth.write_text("midwatch:x\n")
    house.auth.chmod(0o600)
    house.encryption_key.write_text("x\n")
    house.encryption_key.chmod(0o600)
    assert ("receiver" in {child.name for child in household(house, os.environ)}) is there


async def test_a_secret_that_is_not_there_says_where_it_has_to_be() -> None:
    secrets = Secrets(environ={"EMPTY": " "})
    for name in ("EMPTY", "NONE"):
        with pytest.raises(HouseError, match=f"set {name} where"):
            await secrets.secret_of(Secret(env=name))
    assert SECRET not in repr(Secrets(environ={"HOOK_SECRET": SECRET}))


async def test_a_block_s_secret_is_asked_for_once_and_holds_while_prefect_is_away() -> None:
    asked: list[str] = []
    answers: list[str | Exception] = ["one", httpx.ConnectError("no"), "two", HouseError("no such block")]
    now = [0.0]

    async def load(name: str) -> str:
        asked.append(name)
        await asyncio.sleep(0)
        answer = answers[len(asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer

    secrets, block = Secrets(environ={}, clock=lambda: now[0], load=load), Secret(block="b")
    for expected in ("one", "one", "two"):
        many = await asyncio.gather(*(secrets.secret_of(block) for _ in range(20)))
        assert set(many) == {expected}
        now[0] += 61
    for _ in range(20):
        with pytest.raises(HouseError, match="no such block"):
            await secrets.secret_of(block)
    assert len(asked) == 4


async def test_slow_senders_to_one_hook_keep_no_other_and_no_small_delivery_out(world: Outside) -> None:
    for name in ("night", "other"):
        world.agent(name, HOOKED)
    sender = client(world)
    room = asyncio.Event()
    size = OF_ONE_HOOK // 20

    async def slow() -> AsyncIterator[bytes]:
        yield b"x" * size
        await room.wait()

    slow_ones = [asyncio.create_task(sender.post("/hooks/night/issues", content=slow())) for _ in range(21)]
    await asyncio.wait(slow_ones, return_when="FIRST_COMPLETED")
    large = issue("x" * 100_000)
    codes = []
    for agent, body in (("night", issue()), ("night", large), ("other", large)):
        answer = await sender.post(f"/hooks/{agent}/issues", content=body, headers=signed(body))
        codes.append(answer.status_code)
    room.set()
    await asyncio.gather(*slow_ones)
    assert codes == [202, 503, 202]
    assert (await sender.post("/hooks/night/issues", content=large, headers=signed(large))).status_code == 202


async def test_connections_that_say_nothing_keep_nobody_out(tmp_path: Path) -> None:
    stop = asyncio.Event()
    with listening(tmp_path / "port", range(4400, 4500), backlog=9) as listener:
        port = listener.getsockname()[1]
        serving = asyncio.create_task(served(Starlette(), listener, stop, connections=3, http=patient(3.0)))
        idle = [await asyncio.open_connection("127.0.0.1", port) for _ in range(3)]
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as sender:
            assert (await sender.get("/")).status_code == 503
            for reader, writer in idle:
                assert await reader.read() == b""
                writer.close()
            assert (await sender.get("/")).status_code == 404
        stop.set()
        await serving


def test_whoever_looks_for_the_port_in_the_meantime_reads_a_whole_one(tmp_path: Path, free_port: int) -> None:
    remembered = tmp_path / "port"
    remembered.write_text(f"{free_port}")
    with remembered.open() as looked_for, listening(remembered, (), backlog=1):
        assert looked_for.read() == str(free_port)
        assert port_in(remembered) == free_port


@pytest.mark.parametrize(
    ("folder", "own"), [("inbox", False), (".midwatch", True), (".midwatch/notes", True), (".", True)]
)
def test_the_house_s_own_state_is_never_watched(tmp_path: Path, folder: str, own: bool) -> None:
    assert is_own(tmp_path / folder, tmp_path / ".midwatch") is own
