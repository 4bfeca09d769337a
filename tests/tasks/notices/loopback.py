"""A mail server and a webhook on 127.0.0.1: each speaks as much of its protocol as a sender needs, and keeps what it gets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any


@dataclass
class MailServer:
    port: int = 0
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    refuses: bool = False
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 loopback\r\n")
        while line := (await reader.readline()).decode().strip():
            verb = line.split(":")[0].upper()
            if verb == "DATA":
                writer.write(b"354 go on\r\n")
                self.mails.append(_mail(await _until_dot(reader)))
                self.arrived.set()
            if verb == "RCPT TO":
                self.recipients.append(line.partition(":")[2].strip("<> "))
            refused = self.refuses and verb == "MAIL FROM"
            writer.write(b"554 no\r\n" if refused else b"221 bye\r\n" if verb == "QUIT" else b"250 ok\r\n")
            await writer.drain()
        writer.close()


async def _until_dot(reader: asyncio.StreamReader) -> bytes:
    lines: list[bytes] = []
    while (line := await reader.readline()).strip() != b".":
        lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
    return b"".join(lines)


def _mail(data: bytes) -> EmailMessage:
    message = message_from_bytes(data, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


@dataclass
class Webhook:
    port: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)
    status: int = 200
    arrived: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/notice"

    async def session(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].split("\r\n")[0])
        body = json.loads(await reader.readexactly(length))
        if self.status < 300:
            self.bodies.append(body)
            self.arrived.set()
        writer.write(f"HTTP/1.1 {self.status} said\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()


@asynccontextmanager
async def listening(server: MailServer | Webhook) -> AsyncIterator[None]:
    listener = await asyncio.start_server(server.session, "127.0.0.1", 0)
    server.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield
