"""The approval page: which requests are heard at all, and what does every answer carry? Before anything is looked up.

A browser can be led here by any page of the world. So: only our own names in `Host` (a name that was rebound to 127.0.0.1 is
another), a form only from a page of ours (`Origin`, `Sec-Fetch-Site`), of one kind and size; nothing is framed or kept.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cli.page_address import Address
from tasks.page.sheet import style_source

LARGEST: Final = 4_000_000
"""Bytes of a form."""
FIELDS: Final = 5_000
SLOWEST: Final = 30.0
"""Seconds until a form has arrived."""


class TooMuch(ValueError):
    """The form is too large, too slow or none."""


@dataclass(slots=True, kw_only=True)
class Attempts:
    """How often a wrong password was given lately, by whoever: behind a proxy all come from one address."""

    most: int = 10
    within: timedelta = timedelta(minutes=10)
    failed: deque[datetime] = field(default_factory=deque)

    def may(self, now: datetime) -> bool:
        while self.failed and self.failed[0] <= now - self.within:
            self.failed.popleft()
        return len(self.failed) < self.most


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    app: ASGIApp
    address: Address

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealed(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).update(SEALS | {"Content-Security-Policy": policy()})
            await send(message)

        fault = refusal(str(scope["method"]), Headers(scope=scope), self.address)
        answer = PlainTextResponse(f"{fault}\n", status_code=403) if fault else self.app
        await answer(scope, receive, sealed)


SEALS: Final = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-referrer`: with it a browser sends `Origin: null` with our own forms. No other origin is told anything.
    "Referrer-Policy": "same-origin",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow",
}


def policy() -> str:
    """No script, no picture, no font, no frame: one style, and forms that come here."""
    only = f"style-src {style_source()}; form-action 'self'"
    return f"default-src 'none'; {only}; base-uri 'none'; frame-ancestors 'none'"


def refusal(method: str, headers: Headers, address: Address) -> str:
    """Why the request is not heard; "" when it is."""
    hosts, origins, sites = (headers.getlist(name) for name in ("host", "origin", "sec-fetch-site"))
    if len(hosts) != 1 or hosts[0].lower() not in address.hosts:
        return "This page is not known by that name. Use the address that `midwatch status` shows."
    if method in ("GET", "HEAD"):
        return ""
    if method != "POST":
        return "Only GET and POST are heard here."
    same = sites == ["same-origin"]
    ours = len(origins) == 1 and origins[0] in address.origins
    if (sites and not same) or (origins and not ours) or not (same or ours):
        return "A form is heard only from a page of Midwatch's own, at its own address. Nothing was done."
    return ""


async def form_of(request: Request, largest: int = LARGEST) -> Mapping[str, str]:
    """The fields of a form; of one that comes twice the last, line ends as one character.

    Raises:
        TooMuch: it is no form, or too large or slow a one.
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/x-www-form-urlencoded":
        raise TooMuch("this is no form")
    body = bytearray()
    try:
        async with asyncio.timeout(SLOWEST):
            async for chunk in request.stream():
                body += chunk
                if len(body) > largest:
                    raise TooMuch(f"a form has at most {largest:,} bytes")
    except (TimeoutError, ClientDisconnect) as error:
        raise TooMuch("it took too long to arrive") from error
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=FIELDS)
    except ValueError as error:
        raise TooMuch(f"this is no form ({error})") from error
    return {name: text.replace("\r\n", "\n") for name, text in pairs}


def is_password(given: str, known: str) -> bool:
    """The whole line of the house's password file, or what stands in it behind the colon."""
    whole = secrets.compare_digest(given.encode(), known.encode())
    rest = secrets.compare_digest(given.encode(), known.partition(":")[2].encode())
    return bool(given) and whole | rest
