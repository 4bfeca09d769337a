"""An address is asked once, over a real connection, and what it sends is not trusted to end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest

from midwatch.contract import Finding, HttpCheck
from midwatch.run import RunFacts
from tasks.monitoring.checks import http


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@asynccontextmanager
async def answering(*parts: bytes, then_hang: bool = False) -> AsyncIterator[str]:
    """A loopback server that answers every request with `parts`; gives its address."""

    answers: list[asyncio.Task[None]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            await reader.readuntil(b"\r\n\r\n")
            writer.writelines(parts)
            await (reader.read() if then_hang else writer.drain())
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers.append(asyncio.create_task(answer(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*answers)


def page(body: str, *, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n{body}".encode()


async def found(facts: RunFacts, url: str, **check: Any) -> Finding:
    return await http.look(HttpCheck(url=url, **check), "site", facts)


async def test_the_right_status_and_body_hold(facts: RunFacts) -> None:
    async with answering(page("release 1.2 is out")) as url:
        finding = await found(facts, url + "/{input.day}", contains=["1.2"])
    assert (finding.held, finding.detail) == (True, "status 200, 18 characters")


async def test_a_wrong_status_and_a_wrong_body_are_both_told(facts: RunFacts) -> None:
    async with answering(page("gone", status="404 Not Found")) as url:
        finding = await found(facts, url, contains=["1.2"])
    assert (finding.held, finding.looked) == (False, True)
    assert finding.detail == "expected status 200, found 404; its body does not contain '1.2'"


async def test_a_redirect_is_an_answer_and_is_not_followed(facts: RunFacts) -> None:
    async with answering(page("", status="302 Found", headers="Location: http://127.0.0.1:1/\r\n")) as url:
        assert (await found(facts, url)).detail == "expected status 200, found 302"
        assert (await found(facts, url, status=302)).held


async def test_an_answer_that_never_ends_is_given_up_on(facts: RunFacts) -> None:
    async with answering(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome", then_hang=True) as url:
        finding = await found(facts, url, timeout_seconds=0.3)
    assert (finding.held, finding.looked) == (False, False)
    assert finding.detail == "no complete answer within 0.3 s"


async def test_a_body_without_end_is_read_up_to_the_cap(facts: RunFacts) -> None:
    flood = [b"HTTP/1.1 200 OK\r\n\r\n", *[b"x" * 1024 * 1024] * 5, b"end"]
    async with answering(*flood) as url:
        finding = await found(facts, url, contains=["end"])
    assert finding.detail == "its body does not contain 'end'"


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "ftp://127.0.0.1/", "nonsense", "http://[::1"])
async def test_an_address_that_cannot_be_asked_was_not_seen(facts: RunFacts, url: str) -> None:
    finding = await found(facts, url)
    assert (finding.held, finding.looked) == (False, False)
    assert finding.detail
