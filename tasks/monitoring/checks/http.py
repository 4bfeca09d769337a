"""Monitoring: does the address answer as it should? One GET, redirects not followed, a deadline, a capped body."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import httpx

from midwatch.contract import Finding, HttpCheck
from midwatch.run import RunFacts
from midwatch.templates import fill

MAX_BYTES: Final = 4 * 1024 * 1024
"""What comes after is not read."""


async def look(check: HttpCheck, name: str, facts: RunFacts) -> Finding:
    """Status and body against what was expected."""
    url = fill(check.url, facts)
    try:
        async with asyncio.timeout(check.timeout_seconds), httpx.AsyncClient(timeout=check.timeout_seconds) as client:
            status, body = await _get(client, url)
    except (TimeoutError, httpx.TimeoutException):
        said = f"no complete answer within {check.timeout_seconds:g} s"
        return Finding(check=name, held=False, looked=False, detail=said)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        return Finding(check=name, held=False, looked=False, detail=f"{type(error).__name__}: {error}")
    wrong = list(_wrong(check, status, body))
    return Finding(check=name, held=not wrong, detail="; ".join(wrong) or f"status {status}, {len(body)} characters")


def _wrong(check: HttpCheck, status: int, body: str) -> Iterator[str]:
    if status != check.status:
        yield f"expected status {check.status}, found {status}"
    yield from (f"its body does not contain {wanted!r}" for wanted in check.contains if wanted not in body)


async def _get(client: httpx.AsyncClient, url: str) -> tuple[int, str]:
    kept = bytearray()
    async with client.stream("GET", url) as response:
        async for chunk in response.aiter_bytes():
            kept += chunk[: MAX_BYTES - len(kept)]
            if len(kept) == MAX_BYTES:
                break
        return response.status_code, kept.decode(response.encoding or "utf-8", errors="replace")
