"""The receiver: how does a sender's request reach `tasks/triggers/webhooks.py`? In bounds of size, time and memory."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from cli.loopback import health
from midwatch.errors import LedgerAway
from tasks.triggers.webhooks import Reply, Webhooks

SLOWEST: Final = 20.0
"""Seconds until a body has arrived. GitHub itself waits for ten."""
AT_HAND: Final = 64_000_000
"""Bytes of all bodies together that are being read."""
OF_ONE_HOOK: Final = AT_HAND // 4
"""And of those for one hook: nobody needs a secret to send to one slowly, and the others go on."""
SMALL: Final = 64_000
"""Bytes of a body that is read whatever else is: one on every connection is not much more than `AT_HAND`."""
AGAIN_SECONDS: Final = "5"
"""What a sender is told that has to come again."""


class _Refused(Exception):
    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.reply = Reply(status=status, text=text)


@dataclass(slots=True, kw_only=True)
class Receiver:
    """What listens to senders. Whoever calls is nobody until the signature is proven."""

    webhooks: Webhooks
    _at_hand: Counter[tuple[str, str]] = field(default_factory=Counter)
    """Bytes of the bodies that are being read, by hook."""

    def app(self) -> Starlette:
        """POST to a hook, and nothing else but `/health`."""
        routes = [
            Route("/hooks/{agent}/{name}", self.hook, methods=["POST"]),
            Route("/health", health),
        ]
        return Starlette(routes=routes)

    async def hook(self, http: Request) -> Response:
        """One delivery."""
        found = self.webhooks.hook(http.path_params["agent"], http.path_params["name"])
        if isinstance(found, Reply):
            return _response(found)
        address, held = (found.spec.name, found.webhook.name), 0
        try:
            body = bytearray()
            async with asyncio.timeout(SLOWEST):
                _announced(http, found.webhook.most_bytes)
                async for chunk in http.stream():
                    held += len(chunk)
                    self._at_hand[address] += len(chunk)
                    body += chunk
                    self._in_bounds(len(body), found.webhook.most_bytes, address)
            headers = dict(http.headers.items())
            return _response(await self.webhooks.delivered(found, headers, bytes(body)))
        except _Refused as refused:
            return _response(refused.reply)
        except TimeoutError:
            return _response(Reply(status=408, text="too slow"))
        except ClientDisconnect:
            return _response(Reply(status=400, text="cut off"))
        except LedgerAway as error:
            self.webhooks.say(f"a delivery for {found.spec.name} could not be kept, its sender was told so: {error}")
            return _response(Reply(status=503, text="not now"))
        finally:
            self._at_hand[address] -= held

    def _in_bounds(self, size: int, most: int, address: tuple[str, str]) -> None:
        if size > most:
            raise _Refused(413, "too large")
        full = self._at_hand[address] > OF_ONE_HOOK or self._at_hand.total() > AT_HAND
        if full and size > SMALL:
            raise _Refused(503, "too much at once")


def _announced(http: Request, most: int) -> None:
    """One that says itself that it is too large is not read at all."""
    length = http.headers.get("content-length", "0")
    if not length.isdecimal() or int(length) > most:
        raise _Refused(413, "too large")


def _response(reply: Reply) -> Response:
    again = {"Retry-After": AGAIN_SECONDS} if reply.status == 503 else None
    return PlainTextResponse(f"{reply.text}\n", reply.status, headers=again)
