"""Model: the weights from the Hugging Face hub: the official file, resumed by byte range."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx

from tasks.model.sources import Report, SourceFailed
from tasks.model.weights import Weights

TIMEOUT: Final = httpx.Timeout(30, connect=4)
"""Short to connect: a machine without access goes on to the next source within seconds."""
ATTEMPTS: Final = 5
"""Breaks in a row without a byte between them."""


async def from_hub(weights: Weights, draft: Path, report: Report) -> None:
    """Append the rest of the official file to `draft`."""
    breaks = 0
    async with httpx.AsyncClient(timeout=TIMEOUT, follow_redirects=True) as client:
        while (before := _size(draft)) < weights.size:
            try:
                await _append(client, weights, draft, report)
            except httpx.HTTPError as error:
                breaks = 1 if _size(draft) > before else breaks + 1
                if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout) or breaks >= ATTEMPTS:
                    raise SourceFailed(f"{weights.url}: {error or type(error).__name__}") from error


async def _append(client: httpx.AsyncClient, weights: Weights, draft: Path, report: Report) -> None:
    done = _size(draft)
    headers = {"Accept-Encoding": "identity", **({"Range": f"bytes={done}-"} if done else {})}
    async with client.stream("GET", weights.url, headers=headers) as response:
        if response.is_error:
            raise SourceFailed(f"{weights.url} answered {response.status_code}")
        if response.status_code != httpx.codes.PARTIAL_CONTENT:
            done = 0
        if int(response.headers.get("Content-Length", 0)) != weights.size - done:
            raise SourceFailed(f"{weights.url} offers {response.headers.get('Content-Length')} bytes, not the file")
        with draft.open("ab") as file:
            file.truncate(done)
            async for chunk in response.aiter_raw():
                done += file.write(chunk)
                report(done)


def _size(draft: Path) -> int:
    return draft.stat().st_size if draft.exists() else 0
