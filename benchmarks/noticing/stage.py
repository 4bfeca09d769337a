"""Noticing: what does the house do and say after something of it failed, and when? Seen from outside, by the clock."""

from __future__ import annotations

import asyncio
import calendar
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import TYPE_CHECKING, Final

from rich.console import Console

if TYPE_CHECKING:
    from cli.home import House
    from tests.flows.conftest import Night

PATIENCE: Final = 200.0
"""Seconds until something is taken not to come any more."""
LOGGED: Final = "%Y-%m-%d %H:%M:%S"


@dataclass(frozen=True, kw_only=True)
class Figure:
    what: str
    noticed_by: str
    noticed_s: float | None
    back_s: float | None
    told_s: float | None
    told: str


@dataclass
class Heard:
    """What arrived outside: (seconds since the epoch, path, text)."""

    requests: list[tuple[float, str, str]] = field(default_factory=list)

    def first(self, path: str, since: float) -> tuple[float, str] | None:
        found = [(at - since, text) for at, where, text in self.requests if where == path and at > since]
        return found[0] if found else None


@contextmanager
def outside() -> Iterator[tuple[Heard, int]]:
    """A webhook and a ping address."""
    heard = Heard()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
            heard.requests.append((time.time(), self.path, body))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_POST = do_GET

        def log_message(self, format: str, *args: object) -> None:  # of the library
            pass

    with HTTPServer(("127.0.0.1", 0), Door) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield heard, server.server_port
        server.shutdown()


@dataclass(kw_only=True)
class Stage:
    night: Night
    heard: Heard
    console: Console
    figures: list[Figure] = field(default_factory=list)
    supervisors: list[subprocess.Popen[bytes]] = field(default_factory=list)
    """On a leash: each ends when nobody holds it any more."""

    @property
    def house(self) -> House:
        return self.night.house

    def pid(self, name: str) -> int | None:
        from cli import record

        state = record.read(self.house.record)
        child = state.children.get(name) if state else None
        return child.pid if child and child.process() else None

    async def until(self, look: Callable[[], object], since: float, patience: float = PATIENCE) -> float | None:
        """Seconds since then; None where it never came."""
        while not look():
            if time.time() - since > patience:
                return None
            await asyncio.sleep(0.1)
        return round(time.time() - since, 1)

    async def calm(self) -> None:
        """All is well, and no fault is remembered, which would be told of sooner."""
        from cli.lookout_checks import look
        from cli.lookout_told import TOLD

        await self.until(lambda: not look(self.house, os.environ).faults, time.time())
        (self.house.home / TOLD).unlink(missing_ok=True)

    def logged(self, child: str, words: str, since: float) -> bool:
        """Whether the child has said so since then; its log's times are whole seconds."""
        path = self.house.logs / f"{child}.log"
        for line in path.read_text().splitlines() if path.exists() else []:
            with suppress(ValueError):
                if words in line and _moment(line) >= since - 1:
                    return True
        return False

    def enter(self, what: str, by: str, noticed: float | None, back: float | None, since: float) -> None:
        told = self.heard.first("/tell", since)
        failed = self.heard.first("/ping/fail", since)
        words = json.loads(told[1])["text"].splitlines()[0].partition(": ")[2] if told else ""
        pinged = f"; ping /fail after {failed[0]:.0f} s" if failed else ""
        told_s = round(told[0], 1) if told else None
        figure = Figure(
            what=what, noticed_by=by, noticed_s=noticed, back_s=back, told_s=told_s, told=f"{words}{pinged}"
        )
        self.figures.append(figure)
        self.console.print(figure)


def _moment(line: str) -> float:
    return calendar.timegm(time.strptime(line[:19], LOGGED))
