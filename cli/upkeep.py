"""The house: how is one child kept running? Started, watched, restarted with growing pauses, given up on, stopped."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
import urllib.error
import urllib.request
from asyncio.subprocess import DEVNULL, STDOUT, Process
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from cli import inhabitants, logs
from cli.children import Child
from cli.home import House
from cli.record import Living, living
from midwatch.errors import HouseError


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """When a restart is worth trying. Seconds, except `tries`."""

    steady: float = 10.0
    """A child that lived this long counts as one that can run."""
    tries: int = 5
    """So many quick deaths in a row, and it is given up."""
    pause: float = 0.5
    """Before the first restart; doubled each time."""
    longest_pause: float = 20.0
    ready: float = 120.0
    """Until its health URL answers, or a command before or after it has ended."""


@dataclass(kw_only=True)
class Upkeep:
    """One child's life. Cancelling `run` stops the child and everything that it started."""

    child: Child
    house: House
    token: str
    patience: Patience
    tell: Callable[[str, Living | None], None]
    """Called with the child's name and its new process, or None when it has ended."""
    journal: logging.Logger
    """The supervisor's own log."""
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    restarts: int = 0
    _output: logging.Logger = field(init=False)
    _copying: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Forever. Raises HouseError when the child cannot be kept running."""
        with logs.opened(self.house, self.child.name) as self._output:
            try:
                await self._keep()
            except asyncio.CancelledError:
                if self.child.after:
                    await self._finish(self.child.after)
                raise

    async def _keep(self) -> None:
        quick_deaths = 0
        while True:
            born = time.monotonic()
            why = await self._live()
            quick_deaths = quick_deaths + 1 if time.monotonic() - born < self.patience.steady else 0
            self.journal.info("%s %s", self.child.name, why)
            if quick_deaths >= self.patience.tries:
                raise HouseError(self._obituary(f"{why}, {quick_deaths} times in a row, and was given up"))
            self.restarts += 1
            await asyncio.sleep(min(self.patience.pause * 2**quick_deaths, self.patience.longest_pause))

    async def _live(self) -> str:
        """From its start to its death, and away with what it left behind. Returns how it ended."""
        if self.child.before and (code := await self._finish(self.child.before)):
            return f"could not be prepared: {' '.join(self.child.before[1:])} ended with {code}"
        process = await self._spawn(self.child.argv)
        try:
            self.tell(self.child.name, living(process.pid, self.restarts))
            await self._until_ready(process)
            return f"ended by itself with {await process.wait()}"
        finally:
            await self._clear(process)
            self.tell(self.child.name, None)

    async def _until_ready(self, process: Process) -> None:
        deadline = time.monotonic() + self.patience.ready
        while self.child.health and not await asyncio.to_thread(answers, self.child.health):
            if process.returncode is not None:
                return
            if time.monotonic() > deadline:
                raise HouseError(self._obituary(f"was not ready after {self.patience.ready:.0f} s"))
            await asyncio.sleep(0.2)
        self.ready.set()

    async def _clear(self, process: Process) -> None:
        """Nothing of this life is left: neither the process, nor what it started, nor unread output."""
        if process.returncode is None:
            await self._stop(process)
        await asyncio.to_thread(inhabitants.end, inhabitants.of_watch(self.token, self.child.name))
        if self._copying:
            await asyncio.wait([self._copying], timeout=2)
            self._copying.cancel()

    async def _stop(self, process: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), self.child.grace)
        if process.returncode is None:
            self.journal.info("%s did not end within %.0f s and is killed", self.child.name, self.child.grace)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _finish(self, argv: Sequence[str]) -> int:
        """Run a short command to its end, or to the end of patience. Returns its exit code."""
        process = await self._spawn(argv)
        try:
            return await asyncio.wait_for(process.wait(), self.patience.ready)
        except TimeoutError:
            return -1
        finally:
            await self._clear(process)

    async def _spawn(self, argv: Sequence[str]) -> Process:
        environment = {**self.child.environment, **inhabitants.mark(self.house.home, self.token, self.child.name)}
        output, self._copying = await logs.funnel(self._output)
        try:
            return await asyncio.create_subprocess_exec(
                *argv, cwd=self.house.project, env=environment, stdin=DEVNULL, stdout=output, stderr=STDOUT
            )
        finally:
            os.close(output)

    def _obituary(self, why: str) -> str:
        name, path = self.child.name, logs.path_of(self.house, self.child.name)
        return f"{name} {why}.\nThe last lines of {path}:\n{logs.tail(self.house, name)}"


def answers(url: str) -> bool:
    """Whether a GET of `url` gives 200 at once. Blocks for two seconds at most."""
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (OSError, urllib.error.URLError):
        return False
