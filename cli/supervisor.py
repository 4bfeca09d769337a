"""The house: how is the group started, watched and ended as one? The process behind `midwatch up`.

Run as `python -m cli.supervisor [--port N] [--until-stdin-closes]`; it holds the lock of the house while it lives. Exit
codes: 0 stopped as asked, 1 something could not be kept running (the record says what), 75 another one has the lock.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import logging
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from cli import inhabitants, keys, logs, ports, record
from cli.children import Child, household
from cli.home import House, furnish, locate, remember_port
from cli.record import Living, Record
from cli.upkeep import Patience, Upkeep
from midwatch.errors import HouseError

EXIT_LOCKED = os.EX_TEMPFAIL


Furnishing = Callable[[House], Sequence[Child]]
"""What is to run, once the house has its port."""


@dataclass(kw_only=True)
class Group:
    """The children of one watch, and the record that says how they are."""

    house: House
    children: Sequence[Child]
    patience: Patience
    journal: logging.Logger
    token: str
    state: Record

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set. Raises HouseError when a child is given up. Either way no process is left."""
        stopping = asyncio.create_task(stop.wait())
        lives: list[asyncio.Task[None]] = []
        try:
            for child in self.children:
                upkeep = Upkeep(
                    child=child,
                    house=self.house,
                    token=self.token,
                    patience=self.patience,
                    tell=self._tell,
                    journal=self.journal,
                )
                self._note(waiting_for=child.name)
                lives.append(asyncio.create_task(upkeep.run()))
                await _first(asyncio.create_task(upkeep.ready.wait()), stopping, *lives)
                if stop.is_set():
                    return
            self._note(phase="up", waiting_for="")
            await _first(stopping, *lives)
        finally:
            self._note(phase="stopping", waiting_for="")
            for life in reversed(lives):
                life.cancel()
                await asyncio.wait([life])
            stopping.cancel()

    def _tell(self, name: str, process: Living | None) -> None:
        children = {key: value for key, value in self.state.children.items() if key != name}
        self._note(children={**children, name: process} if process else children)
        self.journal.info("%s %s", name, f"runs as {process.pid}" if process else "is gone")

    def _note(self, **changes: object) -> None:
        self.state = replace(self.state, **changes)  # type: ignore[arg-type]  # the names are Record's own
        record.write(self.house.record, self.state)


async def _first(*tasks: asyncio.Task[object]) -> None:
    """Wait until one of them is done; raise what it raised."""
    done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    for task in done:
        task.result()


async def watch(
    house: House, children: Furnishing, patience: Patience, journal: logging.Logger, *, leashed: bool
) -> None:
    """One watch, from the first child's start until a signal or, if `leashed`, until standard input closes."""
    stop, loop, token = asyncio.Event(), asyncio.get_running_loop(), secrets.token_hex(8)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, stop.set)
    if leashed:
        loop.add_reader(sys.stdin.fileno(), _at_eof, stop)
    kept = children(house)
    keeps = tuple(child.name for child in kept)
    state = Record(supervisor=record.this_process(), phase="starting", port=house.port or 0, keeps=keeps)
    group = Group(house=house, children=kept, patience=patience, journal=journal, token=token, state=state)
    with _leash(house, token):
        await group.run(stop)


def occupy(house: House, children: Furnishing, *, port: int | None, patience: Patience, leashed: bool = False) -> None:
    """Take the house, and keep its children until told to stop. Blocks.

    Raises SystemExit(EXIT_LOCKED) when another supervisor has it, SystemExit(1) with the reason in the record.
    """
    furnish(house)
    with _lock(house), logs.opened(house, "supervisor", dated=True) as journal:
        try:
            house = _prepare(house, port, journal)
            asyncio.run(watch(house, children, patience, journal, leashed=leashed))
        except HouseError as error:
            journal.info("failed: %s", error)
            _fail(house, error)
            raise SystemExit(1) from error
        house.record.unlink()
        journal.info("stopped as asked")


def _prepare(house: House, port: int | None, journal: logging.Logger) -> House:
    """No process of an earlier watch, a port of our own, and the secrets in place."""
    last = record.read(house.record)
    known = [process for child in last.children.values() if (process := child.process())] if last else []
    house.record.unlink(missing_ok=True)
    if orphans := inhabitants.end(inhabitants.of_home(house.home), known):
        journal.info("ended what an earlier watch left behind: %s", sorted(orphan.pid for orphan in orphans))
    house = replace(house, port=ports.claimable(port or house.port or ports.first_free()))
    remember_port(house, house.port or 0)
    keys.kept(house.auth, keys.new_password)
    keys.kept(house.encryption_key, keys.new_encryption_key)
    return house


def _fail(house: House, error: HouseError) -> None:
    me = record.this_process()
    record.write(house.record, Record(supervisor=me, phase="failed", port=house.port or 0, error=str(error)))


@contextlib.contextmanager
def _leash(house: House, token: str) -> Iterator[None]:
    """The process that ends the group if this one is killed; on the way out it sweeps, and is waited for."""
    argv = [sys.executable, "-m", "cli.leash", token]
    environment = {**os.environ, **inhabitants.mark(house.home, token, "leash")}
    with subprocess.Popen(argv, cwd=house.project, env=environment, stdin=subprocess.PIPE, start_new_session=True):
        yield


@contextlib.contextmanager
def _lock(house: House) -> Iterator[None]:
    with (house.home / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SystemExit(EXIT_LOCKED) from error
        yield


def _at_eof(stop: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        asyncio.get_running_loop().remove_reader(sys.stdin.fileno())
        stop.set()


def main() -> None:
    parser = argparse.ArgumentParser(prog="cli.supervisor")
    parser.add_argument("--port", type=int)
    parser.add_argument("--until-stdin-closes", action="store_true")
    words = parser.parse_args()
    occupy(locate(os.environ), household, port=words.port, patience=Patience(), leashed=words.until_stdin_closes)


if __name__ == "__main__":
    main()
