"""Tools: where does a plain function run? In a thread that is kept for the next call, and that nobody waits for at the end."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Executor, Future
from functools import partial
from queue import SimpleQueue
from threading import Thread
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")
Call = Callable[[], Callable[[], None]]
"""Does the work; what it gives back tells the caller what came of it."""


class Threads(Executor):
    """Runs calls in daemon threads: Python waits for any other at its end, and a tool may hang for ever.

    A thread that has done its call takes the next one; there are as many as calls ever were at the same time.
    """

    def __init__(self) -> None:
        self._idle: list[SimpleQueue[Call]] = []
        self._made = 0

    @property
    def busy(self) -> bool:
        """Whether a call is under way, also one that nobody waits for any more."""
        return self._made > len(self._idle)

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Start `fn`; the future has what it returns or raises."""
        future: Future[T] = Future()

        def call() -> Callable[[], None]:
            if not future.set_running_or_notify_cancel():
                return lambda: None
            try:
                return partial(future.set_result, fn(*args, **kwargs))
            except BaseException as error:
                return partial(future.set_exception, error)

        self._free_thread().put(call)
        return future

    def _free_thread(self) -> SimpleQueue[Call]:
        try:
            return self._idle.pop()
        except IndexError:
            calls: SimpleQueue[Call] = SimpleQueue()
            self._made += 1
            Thread(target=self._work, args=[calls], name="tool", daemon=True).start()
            return calls

    def _work(self, calls: SimpleQueue[Call]) -> None:
        while True:
            tell = calls.get()()
            self._idle.append(calls)
            tell()
