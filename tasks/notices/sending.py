"""Notices: how does one reach a person? Through the first of their channels that takes it, each with a time of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final

import httpx
from prefect.blocks.abstract import NotificationBlock
from prefect.blocks.core import Block

CHANNEL_SECONDS: Final = 20.0
"""For one channel; all of them together stay below `notices.FIRST_PAUSE`, after which somebody else may try."""
ALL_SECONDS: Final = 45.0
INBOX: Final = "inbox"
"""The channel of a person who names none: what waits is not held back any more."""

Send = Callable[[str, str, str], Awaitable[None]]
"""(channel, subject, body); raises where it was not taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What became of one try."""

    channel: str | None
    """That took it; None: none did."""
    faults: tuple[str, ...] = ()
    """Of the channels before it, a line each."""


async def through_block(channel: str, subject: str, body: str) -> None:
    """Send by the Prefect block `TYPE/NAME`, loaded anew, so that a mended one works at once.

    Raises:
        ValueError: there is no such block, or it sends no notices.
        prefect.blocks.abstract.NotificationError: of Apprise's blocks. httpx.HTTPError: of the webhook's.
    """
    block: Block = await Block.aload(channel)
    anotify = getattr(block, "anotify", None)
    if not isinstance(block, NotificationBlock) or anotify is None:
        raise ValueError("not a notification block of Prefect's")
    with block.raise_on_failure():
        await anotify(body, subject)


async def sent(send: Send, channels: Sequence[str], subject: str, body: str) -> Sent:
    """Try the channels in their order, each once. Nothing is repeated here: a try repeated is a second notice."""
    if not channels:
        return Sent(channel=INBOX)
    faults: list[str] = []
    for channel in channels:
        try:
            async with asyncio.timeout(min(CHANNEL_SECONDS, ALL_SECONDS / len(channels))):
                await send(channel, subject, body)
        except Exception as error:  # whatever a channel does wrong, the next one is tried
            faults.append(f"{channel}: {_fault(error)}")
        else:
            return Sent(channel=channel, faults=tuple(faults))
    return Sent(channel=None, faults=tuple(faults))


def _fault(error: Exception) -> str:
    """Without what the library says: an address may hold a key."""
    match error:
        case TimeoutError():
            return "no answer in time"
        case httpx.HTTPStatusError():
            return f"HTTP {error.response.status_code}"
        case ValueError():
            return "no such notification block, or one that cannot be read; see Blocks in Prefect's UI"
        case _:
            return f"{type(error).__name__}; the server, the address or the password may be wrong"
