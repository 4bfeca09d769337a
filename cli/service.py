"""The house: what do all its long-lived processes do alike? End when told to, pause, try again, and say things.

Imports next to nothing by itself: one of them is to stay small (`notifier.py`).
"""

from __future__ import annotations

import time
import traceback
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Awaitable, Callable

AGAIN_SECONDS: Final = 30.0
"""Until what failed is tried again."""


def told_to_stop() -> asyncio.Event:
    """Set by SIGTERM and SIGINT. Call it on the event loop."""
    import asyncio
    import signal

    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


async def pause(stop: asyncio.Event, seconds: float, *bells: asyncio.Event) -> None:
    """So long, or until `stop`, or one of the `bells`."""
    import asyncio

    waits = [asyncio.ensure_future(event.wait()) for event in (stop, *bells)]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def again(
    what: str,
    work: Callable[[], Awaitable[None]],
    stop: asyncio.Event,
    *,
    first: float = AGAIN_SECONDS,
    longest: float = AGAIN_SECONDS,
    plain: tuple[type[Exception], ...] = (Exception,),
) -> None:
    """`work`, however often it fails, until `stop`.

    Args:
        what: what cannot be done while it fails, as the log says it.
        first: seconds until the second try; each further failure doubles them, up to `longest`.
        plain: failures of which a line says enough; of any other the log has the traceback.
    """
    seconds = first
    while not stop.is_set():
        began = time.monotonic()
        try:
            await work()
        except Exception as error:
            if not isinstance(error, plain):
                traceback.print_exc()
            if time.monotonic() - began > longest:
                seconds = first
            say(f"{what}: {error}. Tried again in {seconds:.0f} s")
            await pause(stop, seconds)
            seconds = min(seconds * 2, longest)


def say(line: str) -> None:
    """A line of the process's log, with its time in UTC."""
    print(f"{time.strftime('%Y-%m-%d %H:%M:%S', time.gmtime())} {line}", flush=True)
