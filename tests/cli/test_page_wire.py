"""Connections that hold the page without asking it for anything are closed; slow ones that ask are answered."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from cli.page_wire import patient
from tests.cli.page_house import serving

SHORT = 0.3
HEAD = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: "


async def _said(http: Request) -> PlainTextResponse:
    return PlainTextResponse(f"{len(await http.body())} bytes")


async def _deaf(_: Request) -> PlainTextResponse:
    return PlainTextResponse("said")


@asynccontextmanager
async def served(seconds: float) -> AsyncIterator[int]:
    """The port of a small application behind the page's own protocol."""
    app = Starlette(routes=[Route("/", _said, methods=["GET", "POST"]), Route("/deaf", _deaf, methods=["POST"])])
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(
            app, http=patient(seconds), lifespan="off", ws="none", log_level="error", timeout_keep_alive=60
        )
        async with serving(config, listener):
            yield listener.getsockname()[1]


async def _gone(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"\r\n",
        HEAD[:20],
        POST + b"9\r\n\r\n1234",
        POST.replace(b"POST /", b"POST /deaf") + b"9\r\n\r\n1234",
        HEAD + HEAD[:20],
    ],
    ids=["nothing", "a blank line", "half a head", "half a body", "half a body that nobody waits for", "a second one"],
)
async def test_a_connection_whose_request_does_not_arrive_is_closed(sent: bytes) -> None:
    async with served(SHORT) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(sent)
        async with asyncio.timeout(20):
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                await reader.readexactly(1_000_000)
        await _gone(writer)


async def test_a_byte_that_trickles_in_wins_no_time() -> None:
    async with served(SHORT) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        closed = asyncio.create_task(reader.read())
        async with asyncio.timeout(20):
            while not closed.done():
                writer.write(b"G")
                await asyncio.sleep(SHORT / 10)
        assert closed.done()
        await _gone(writer)


async def test_a_slow_but_honest_phone_gets_through() -> None:
    async with served(30) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in (*[HEAD[place : place + 9] for place in range(0, len(HEAD), 9)], POST, b"6\r\n\r\n123", b"456"):
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)
        async with asyncio.timeout(20):
            assert await reader.readuntil(b"0 bytes")
            assert await reader.readuntil(b"6 bytes")
        await _gone(writer)
