"""The house: what do all its long-lived processes do alike? End when told to, pause between rounds, and say things.

Imports next to nothing by itself: one of them is to stay small (`notifier.py`).
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import asyncio


def told_to_stop() -> asyncio.Event:
    """Set by SIGTERM and SIGINT. Call it on the event loop."""
    import asyncio
    import signal

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def pause(stop: asyncio.Event, seconds: float) -> None:
    """So long, or until `stop`."""
    import asyncio

    try:
        async with asyncio.timeout(seconds):
            await stop.wait()
    except TimeoutError:
        return


def say(line: str) -> None:
    """A line of the process's log, with its time in UTC."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} {line}", flush=True)
