"""Monitoring: what does the agent's own check say? A function of the run's facts, in a thread of its own."""

from __future__ import annotations

import asyncio
import inspect
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from midwatch.contract import Finding
from midwatch.named_function import named_function
from midwatch.run import RunFacts


async def look(function_name: str, name: str, facts: RunFacts) -> list[Finding]:
    """The findings of `module:function`; none, or something else, is no confirmation."""
    found = await _in_thread(named_function(function_name), facts)
    if not isinstance(found, list) or not all(isinstance(finding, Finding) for finding in found):
        said = f"{function_name} returned {type(found).__name__}, not list[Finding]"
        return [Finding(check=name, held=False, looked=False, detail=said)]
    if not found:
        return [Finding(check=name, held=False, looked=False, detail=f"{function_name} returned no finding")]
    return found


async def _in_thread(function: Callable[[RunFacts], Any], facts: RunFacts) -> Any:
    """A daemon thread with its own event loop: one that hangs is left behind and doesn't keep the process alive."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[Any] = loop.create_future()

    def settle(value: Any, error: BaseException | None) -> None:
        if answer.cancelled():
            return
        if error is None:
            answer.set_result(value)
        else:
            answer.set_exception(error)

    def work() -> None:
        value, error = None, None
        try:
            value = asyncio.run(_call(function, facts))
        except BaseException as caught:  # a check that calls sys.exit() must not look like one that hangs
            error = caught if isinstance(caught, Exception) else RuntimeError(f"it raised {caught!r}")
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, value, error)

    threading.Thread(target=work, name=f"contract {function.__name__}", daemon=True).start()
    return await answer


async def _call(function: Callable[[RunFacts], Any], facts: RunFacts) -> Any:
    value = function(facts)
    return await value if inspect.isawaitable(value) else value
