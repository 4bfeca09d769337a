"""The approval page: who may scrape it? /metrics, for a program that knows a token which opens nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.requests import Request as Http
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

TEXT: Final = "text/plain; version=0.0.4"


def metrics_route(text: Callable[[], Awaitable[str]], token: str) -> Route:
    """The page may be reached from anywhere, so where somebody comes from says nothing: only the token does."""

    async def answer(http: Http) -> Response:
        scheme, _, given = http.headers.get("authorization", "").partition(" ")
        known = secrets.compare_digest(given.strip().encode(), token.encode())
        if not token or scheme.lower() != "bearer" or not known:
            return PlainTextResponse("no\n", 401, {"WWW-Authenticate": "Bearer"})
        return PlainTextResponse(await text(), media_type=TEXT)

    return Route("/metrics", answer)
