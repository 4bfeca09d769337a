"""Tools: what does one request to the proxy say? Read by h11, judged as one call, and written anew for the origin."""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

import h11

from midwatch.policy.urls import PORTS, Url, read_url
from tasks.tools.network import Arguments, Refused

HEAD_BYTES: Final = 16_384
"""Of one request's first line and headers."""
BODY_BYTES: Final = 1_000_000
"""Of one plain request."""

_TUNNEL: Final = re.compile(r"(?:[A-Za-z0-9_.-]+|\[[0-9A-Fa-f:.]+\]):[1-9][0-9]{0,4}")
_OURS: Final = frozenset(
    b"host connection keep-alive proxy-connection proxy-authorization proxy-authenticate te trailer expect upgrade "
    b"content-length transfer-encoding".split()
)
"""Headers between two neighbours, which end here: the origin gets the proxy's own."""
_WITH_BODY: Final = frozenset({"POST", "PUT", "PATCH"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxied:
    """One request, whole."""

    method: str
    target: str
    headers: tuple[tuple[bytes, bytes], ...]
    """Names in small letters, those between two neighbours left out."""
    body: bytes
    early: bytes
    """What came behind it on the same connection; a tunnel's first bytes."""

    def __str__(self) -> str:
        return f"{self.method} {self.target}"[:300]

    def tunnel(self) -> str:
        """Of a CONNECT, the URL that stands for all of its host; raises Refused."""
        if not _TUNNEL.fullmatch(self.target):
            raise Refused("it does not name one host and one port", 400)
        return f"https://{self.target}/"

    def arguments(self) -> Arguments:
        """The request as a call of `http_request`; raises Refused where it cannot be one."""
        if not self.target.startswith("http://"):
            raise Refused("a proxy takes whole http:// URLs, and https through a tunnel (CONNECT)", 400)
        if self.method != self.method.upper():
            raise Refused("a method is written in capitals", 400)
        headers = {name.decode("ascii"): value.decode("latin-1") for name, value in self.headers}
        if len(headers) != len(self.headers):
            raise Refused("a header stands twice in it", 400)
        try:
            body = self.body.decode()
        except UnicodeDecodeError as error:
            raise Refused("its body is not text, and cannot be judged", 415) from error
        return {"method": self.method, "url": self.target, "headers": headers, "body": body}

    def passed_on(self, url: Url) -> bytes:
        """The bytes for the origin: the path that was judged, our Host and length, and nothing after it on the connection."""
        name = f"[{url.host}]" if ":" in url.host else url.host
        host = name if url.port == PORTS[url.scheme] else f"{name}:{url.port}"
        _, mark, query = self.target.partition("#")[0].partition("?")
        length = [(b"Content-Length", b"%d" % len(self.body))] if self.body or self.method in _WITH_BODY else []
        request = h11.Request(
            method=self.method,
            target=f"{url.clean or url.path}{mark}{query}",
            headers=[(b"Host", host.encode()), *self.headers, *length, (b"Connection", b"close")],
        )
        body = [h11.Data(data=self.body)] if self.body else []
        origin = h11.Connection(h11.CLIENT)
        return b"".join(origin.send(event) or b"" for event in (request, *body, h11.EndOfMessage()))


async def read_request(reader: asyncio.StreamReader) -> Proxied:
    """One whole request. Raises Refused, or ConnectionResetError where nothing came."""
    peer = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_BYTES)
    request, body = None, bytearray()
    try:
        while not isinstance(event := peer.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA:
                peer.receive_data(await reader.read(65536))
            elif isinstance(event, h11.Request):
                request = event
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > BODY_BYTES:
                    raise Refused(f"its body is larger than {BODY_BYTES:,} bytes", 413)
            else:
                raise ConnectionResetError
        assert request is not None
        return _read(request, bytes(body), peer.trailing_data[0])
    except h11.RemoteProtocolError as error:
        raise Refused(f"it is not HTTP: {error}", 400) from error


def _read(request: h11.Request, body: bytes, early: bytes) -> Proxied:
    if not request.target.isascii():
        raise Refused("its URL holds bytes outside ASCII: percent-encode them", 400)
    return Proxied(
        method=request.method.decode("ascii"),
        target=request.target.decode("ascii"),
        headers=tuple((name, value) for name, value in request.headers if name not in _OURS),
        body=body,
        early=early,
    )


def whole_url(text: str) -> Url:
    """Raises Refused where parsers differ in what they make of it."""
    try:
        return read_url(text)
    except ValueError as error:
        raise Refused(f"the URL is not usable: {error}", 400) from error


def refusal(why: Refused) -> bytes:
    """The answer to a request that is not passed on."""
    body = f"Refused by Midwatch: {why}\n".encode()
    head = (
        f"HTTP/1.1 {why.status} Midwatch\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    )
    return head.encode() + b"Connection: close\r\n\r\n" + body
