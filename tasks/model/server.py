"""Model: is the default model up? One llama.cpp server for the installation, in a process of its own.

`ensure_server` starts it on demand and returns its endpoint; every later process finds the same one through
`model-server.json` in Midwatch's home. It runs detached, because the run that happened to need it first must not take
it along, and ends by itself: when the file is gone (`stop_server`), or after half an hour without a request (the
file's modification time is the last use). `tasks.model.llama` is the process itself.
"""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import httpx
import psutil

from midwatch.errors import ModelUnavailable
from tasks.model.lock import file_lock
from tasks.model.weights import find_weights

STATE_FILE: Final = "model-server.json"
LOCK_FILE: Final = "model-server.lock"
START_SECONDS: Final = 120.0
"""Loading takes 2 to 6 s from a warm disk; a cold one on a busy machine can take a minute."""
HEALTH_SECONDS: Final = 30.0
"""Answered at once by a server at work; generous, because one that does not answer is ended and started anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where the local model answers."""

    base_url: str
    """`http://127.0.0.1:PORT`, without a path."""
    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class _State:
    """What the server wrote about itself."""

    endpoint: Endpoint
    pid: int
    started: float
    """The process's creation time, so that a reused pid is not mistaken for it."""

    def process(self) -> psutil.Process | None:
        return _process(self.pid, self.started)


async def ensure_server(
    home: Path,
    *,
    weights: Path | None = None,
    command: Sequence[str] | None = None,
    timeout_seconds: float = START_SECONDS,
) -> Endpoint:
    """The endpoint of the installation's model server, started if need be. Raises `ModelUnavailable`."""
    home = home.resolve()
    if endpoint := await _alive(home):
        return endpoint
    async with file_lock(home / LOCK_FILE, timeout_seconds, "is starting the local model"):
        if endpoint := await _alive(home):
            return endpoint
        if stuck := _read(home):
            await _end(stuck.pid, stuck.started)
        return await _start(home, command or _command(home, weights or find_weights()), timeout_seconds)


async def stop_server(home: Path) -> bool:
    """End the installation's model server, one that is just starting too; whether there was one."""
    if not (home / LOCK_FILE).exists():
        return False
    async with file_lock(home / LOCK_FILE, START_SECONDS, "is starting the local model"):
        state = _read(home)
        (home / STATE_FILE).unlink(missing_ok=True)
        return state is not None and await _end(state.pid, state.started)


def loopback_client(timeout: httpx.Timeout | float) -> httpx.AsyncClient:
    """A client for this machine only: past every proxy, and without the 20 ms that loading certificates takes."""
    return httpx.AsyncClient(timeout=timeout, trust_env=False, verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))


async def _alive(home: Path) -> Endpoint | None:
    """The endpoint of a server whose process lives and answers; asking counts as a use."""
    state = _read(home)
    if state is None or state.process() is None or not await _healthy(state.endpoint):
        return None
    try:
        os.utime(home / STATE_FILE)
    except FileNotFoundError:
        return None
    return state.endpoint


async def _healthy(endpoint: Endpoint) -> bool:
    try:
        async with loopback_client(HEALTH_SECONDS) as client:
            return (await client.get(f"{endpoint.base_url}/health")).status_code == httpx.codes.OK
    except httpx.HTTPError:
        return False


async def _start(home: Path, command: Sequence[str], timeout_seconds: float) -> Endpoint:
    log = home / "logs" / "model-server.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    pid = await asyncio.to_thread(_spawn, command, log)
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    while asyncio.get_running_loop().time() < deadline:
        if endpoint := await _alive(home):
            return endpoint
        if _process(pid) is None:
            raise ModelUnavailable(f"the local model's server ended while starting; its log is {log}:\n{_tail(log)}")
        await asyncio.sleep(0.1)
    await _end(pid)
    raise ModelUnavailable(f"the local model's server did not answer within {timeout_seconds:.0f} s; its log is {log}")


def _spawn(command: Sequence[str], log: Path) -> int:
    """Start the server in a session of its own; the launcher forks, so that nobody has to wait for the server."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE"}
    with log.open("ab") as output:
        launched = subprocess.run(
            [sys.executable, "-c", _LAUNCHER, *command],
            cwd=Path(__file__).resolve().parents[2],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=output,
            check=True,
        )
    return int(launched.stdout)


_LAUNCHER: Final = """
import subprocess, sys
server = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=2, start_new_session=True)
print(server.pid)
"""


def _command(home: Path, weights: Path) -> list[str]:
    return [sys.executable, "-m", "tasks.model.llama", str(home / STATE_FILE), str(weights)]


def _read(home: Path) -> _State | None:
    try:
        written: dict[str, Any] = json.loads((home / STATE_FILE).read_text())
        endpoint = Endpoint(base_url=written["base_url"], api_key=written["api_key"])
        return _State(endpoint=endpoint, pid=written["pid"], started=written["started"])
    except (FileNotFoundError, ValueError, KeyError):
        return None


def _process(pid: int, started: float | None = None) -> psutil.Process | None:
    try:
        process = psutil.Process(pid)
        same = started is None or abs(process.create_time() - started) < 1
        return process if same and process.status() != psutil.STATUS_ZOMBIE else None
    except psutil.NoSuchProcess:
        return None


async def _end(pid: int, started: float | None = None) -> bool:
    """Ask the process to end, and make it after five seconds; whether there was one."""
    if (process := _process(pid, started)) is None:
        return False
    for end in (process.terminate, process.kill):
        with suppress(psutil.NoSuchProcess):
            end()
        for _ in range(50):
            if _process(pid, started) is None:
                return True
            await asyncio.sleep(0.1)
    raise ModelUnavailable(f"the local model's server (process {pid}) could not be ended: end it by hand")


def _tail(log: Path, lines: int = 8) -> str:
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
