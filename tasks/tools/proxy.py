"""Tools: what does a command reach of the network? What the rules for `http_request` allow, through this proxy alone.

A plain request is judged whole, as a call of `http_request`; a tunnel (CONNECT) by its host, as nobody sees what goes through
it. Only an allow opens it: what the rules would ask about is refused. A name is resolved once, its addresses are checked,
and one of these is connected to. One connection carries one request.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from midwatch.characters import visible
from midwatch.policy.urls import Url
from tasks.tools.network import Judge, Network, Refused
from tasks.tools.proxied import HEAD_BYTES, Proxied, read_request, refusal, whole_url

REQUEST_SECONDS: Final = 60.0
"""For a request to be there whole."""
TRAFFIC_BYTES: Final = 200_000_000
"""Of one command, both ways, all connections together."""
CONNECTIONS: Final = 64
"""At a time, of one command; a further one is closed at once."""
TOLD: Final = 20
"""Refusals that are told one by one."""


@dataclass(kw_only=True)
class Proxy:
    """The proxy of one command."""

    network: Network
    _refusals: dict[str, None] = field(default_factory=dict)
    _untold: int = 0
    _bytes: int = 0
    _open: int = 0

    def told(self) -> str:
        """What was refused and why, each once, for the end of the command's output; empty where nothing was."""
        lines = [f"\n[network: {said}]" for said in self._refusals]
        return "".join(lines) + (f"\n[network: {self._untold} more refused]" if self._untold else "")

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the command. What goes wrong in it is nobody else's trouble: the command sees it end."""
        self._open += 1
        try:
            if self._open <= CONNECTIONS:
                await self._serve(reader, writer)
            else:
                self._tell(f"refused more than {CONNECTIONS} connections at a time")
        except* (OSError, TimeoutError):
            pass
        finally:
            self._open -= 1
            await _closed(writer)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked: Proxied | str = "a request"
        try:
            async with asyncio.timeout(REQUEST_SECONDS):
                asked = await read_request(reader)
            if asked.method == "CONNECT":
                await self._tunnel(asked, reader, writer)
            else:
                await self._forward(asked, writer)
        except Refused as error:
            self._tell(f"refused {asked}: {error}")
            writer.write(refusal(error))
            await writer.drain()

    async def _tunnel(self, asked: Proxied, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tunnel = asked.tunnel()
        async with self._connected(whole_url(tunnel), partial(self.network.tunnel, tunnel)) as (up_reader, up_writer):
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._count(len(asked.early))
            up_writer.write(asked.early)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, up_writer))
                group.create_task(self._copy(up_reader, writer))

    async def _forward(self, asked: Proxied, writer: asyncio.StreamWriter) -> None:
        arguments, url = asked.arguments(), whole_url(asked.target)
        async with self._connected(url, partial(self.network.request, arguments)) as (up_reader, up_writer):
            sent = asked.passed_on(url)
            self._count(len(sent))
            up_writer.write(sent)
            await self._copy(up_reader, writer)

    @asynccontextmanager
    async def _connected(
        self, url: Url, judge: Judge
    ) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
        reader, writer = await self.network.connect(url, judge)
        try:
            yield reader, writer
        finally:
            await _closed(writer)

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(65536):
            self._count(len(chunk))
            writer.write(chunk)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()

    def _count(self, size: int) -> None:
        self._bytes += size
        if self._bytes > TRAFFIC_BYTES:
            self._tell(f"stopped after {TRAFFIC_BYTES:,} bytes, the most that one command sends and receives")
            raise ConnectionAbortedError

    def _tell(self, said: str) -> None:
        said = visible(said)
        if said in self._refusals:
            return
        if len(self._refusals) < TOLD:
            self._refusals[said] = None
        else:
            self._untold += 1


@asynccontextmanager
async def serving(proxy: Proxy, handed: socket.socket) -> AsyncIterator[None]:
    """`proxy` answers at the listening socket that the sandbox sends over `handed`, until this is left."""
    handed.setblocking(False)
    waiting = asyncio.create_task(_serve_on(proxy, handed))
    try:
        yield
    finally:
        waiting.cancel()
        with suppress(asyncio.CancelledError):
            await waiting


async def _serve_on(proxy: Proxy, handed: socket.socket) -> None:
    listening = await _received(handed)
    if listening is None:
        return  # the sandbox ended before it came so far
    connections: set[asyncio.Task[None]] = set()

    def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(proxy.serve(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(accepted, sock=listening, limit=HEAD_BYTES)
    try:
        await asyncio.Event().wait()
    finally:
        server.close()
        for task in connections:
            task.cancel()
        await asyncio.gather(*connections, return_exceptions=True)


async def _received(handed: socket.socket) -> socket.socket | None:
    loop, ready = asyncio.get_running_loop(), asyncio.Event()
    loop.add_reader(handed, ready.set)
    try:
        await ready.wait()
    finally:
        loop.remove_reader(handed)
    descriptors = socket.recv_fds(handed, 16, 1)[1]
    return socket.socket(fileno=descriptors[0]) if descriptors else None


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError):
        await writer.wait_closed()
