"""A ledger of its own for every test, on SQLite and on a real PostgreSQL that lives as long as the session."""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg  # type: ignore[import-untyped]  # it ships no types
import pytest

from midwatch.ledger import Ledger
from midwatch.ledger.tables import metadata

PROJECT = Path(__file__).parents[3]
START = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


class FakeClock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **amount: float) -> datetime:
        self.now += timedelta(**amount)
        return self.now


async def migrated(url: str) -> None:
    async with Ledger.open(url) as ledger:
        await ledger.migrate()


def postgres_program(name: str) -> str:
    found = [*sorted(Path("/usr/lib/postgresql").glob(f"*/bin/{name}")), shutil.which(name)]
    if not found[0]:
        pytest.skip(f"PostgreSQL's {name} is not on this machine (Debian: apt install postgresql)")
    return str(found[0])


def unprivileged() -> dict[str, Any]:
    """PostgreSQL refuses to run as root, so root's tests run it as the user that Debian's package makes."""
    if os.geteuid() != 0:
        return {}
    try:
        user = pwd.getpwnam("postgres")
    except KeyError:
        pytest.skip("the tests run as root, and there is no user postgres to run PostgreSQL as")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


@pytest.fixture(scope="session")
def postgres_socket() -> Iterator[Path]:
    """A PostgreSQL without a port: the folder of its Unix socket."""
    initdb, pg_ctl = postgres_program("initdb"), postgres_program("pg_ctl")
    run: dict[str, Any] = {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/", **unprivileged()}
    folder = Path(tempfile.mkdtemp(prefix="midwatch-pg-"))
    if "user" in run:
        os.chown(folder, run["user"], run["group"])
    data = str(folder / "data")
    options = f"-k {folder} -c listen_addresses='' -c fsync=off -c max_connections=40"
    try:
        subprocess.run([initdb, "-D", data, "-U", "midwatch", "--auth=trust", "--no-sync", "-E", "UTF8"], **run)
        subprocess.run([pg_ctl, "-D", data, "-w", "-l", str(folder / "log"), "-o", options, "start"], **run)
        yield folder
    finally:
        with suppress(subprocess.CalledProcessError):
            subprocess.run([pg_ctl, "-D", data, "-w", "-m", "immediate", "stop"], **run)
        shutil.rmtree(folder, ignore_errors=True)


def postgres_url(socket: Path, database: str) -> str:
    return f"postgresql+asyncpg://midwatch@/{database}?host={socket}"


async def execute(socket: Path, database: str, *statements: str) -> None:
    connection = await asyncpg.connect(host=str(socket), user="midwatch", database=database)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture(scope="session")
def migrated_postgres(postgres_socket: Path) -> Path:
    asyncio.run(execute(postgres_socket, "postgres", "CREATE DATABASE ledger"))
    asyncio.run(migrated(postgres_url(postgres_socket, "ledger")))
    return postgres_socket


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database without tables."""
    if backend == "sqlite":
        return f"sqlite+aiosqlite:///{tmp_path / 'empty.db'}"
    socket = request.getfixturevalue("postgres_socket")
    asyncio.run(execute(socket, "postgres", "DROP SCHEMA public CASCADE", "CREATE SCHEMA public"))
    return postgres_url(socket, "postgres")


@pytest.fixture
def url(backend: str, request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A ledger that is migrated and empty."""
    if backend == "sqlite":
        return str(request.getfixturevalue("ledger_url"))
    socket = request.getfixturevalue("migrated_postgres")
    tables = ", ".join(metadata.tables)
    empty = ("SET session_replication_role = replica", f"TRUNCATE {tables} RESTART IDENTITY")
    asyncio.run(execute(socket, "ledger", *empty))
    return postgres_url(socket, "ledger")


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
async def ledger(url: str, clock: FakeClock) -> AsyncIterator[Ledger]:
    async with Ledger.open(url, clock=clock) as ledger:
        yield ledger


@pytest.fixture
async def run_id(ledger: Ledger) -> str:
    """A run of agent `night-owl` that has started."""
    row = await ledger.start_run(
        "run-1",
        agent="night-owl",
        cause="schedule",
        slot="schedule 2026-03-01T03:00:00+00:00",
        level=3,
        asked_level=None,
        input={"folder": "mail"},
        fingerprint="f1",
        started_at=START,
    )
    return row.run_id


Spawn = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Start `python -c SCRIPT ARGS`, with pipes; whatever still runs at the end is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(script: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", script, *arguments]
        pipe = subprocess.PIPE
        started.append(subprocess.Popen(command, cwd=PROJECT, text=True, stdin=pipe, stdout=pipe))
        return started[-1]

    yield start
    for process in started:
        with process:
            process.kill()
