"""Of every test: nothing of the person's own installation is touched, and tests of one real house stay together."""

from __future__ import annotations

import asyncio
import atexit
import os
import shutil
import socket
import tempfile
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import pytest
from hypothesis import settings

from cli.home import House
from midwatch.ledger import Ledger

PROJECT = Path(__file__).parent.parent
settings.register_profile(
    "midwatch", deadline=None, max_examples=60
)  # how long a test takes says how busy the machine is
settings.load_profile("midwatch")


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefectHouse:
    """A house of this session's own, up: server, worker and keeper in a temporary home."""

    house: House
    env: dict[str, str]
    """The whole environment of a child process that is to be a client of this house."""

    @property
    def home(self) -> Path:
        return self.house.home

    @property
    def api_url(self) -> str:
        return f"{self.house.url}/api"


def pytest_configure() -> None:
    """Prefect writes to PREFECT_HOME and reads its settings as soon as it is imported: give it an empty one."""
    for name in [name for name in os.environ if name.startswith(("PREFECT_", "MIDWATCH_"))]:
        del os.environ[name]
    home = tempfile.mkdtemp(prefix="midwatch-tests-")
    atexit.register(shutil.rmtree, home, ignore_errors=True)
    os.environ.update(PREFECT_HOME=home, PREFECT_SERVER_ALLOW_EPHEMERAL_MODE="false", DO_NOT_TRACK="1")


def pytest_make_parametrize_id(val: object) -> str | None:
    """A long value is a bad name: it stands in every report of its test, and in the environment of its children."""
    return f"{str(val)[:60]}... ({len(val)})" if isinstance(val, str | bytes) and len(val) > 300 else None


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests of a house wait much of their time for what the house does."""
    return (os.cpu_count() or 1) + 1


def pytest_itemcollected(item: pytest.Item) -> None:
    """Tests of one house are marked so, and go to one and the same xdist worker (`--dist loadgroup`).

    Each folder has an `agent_house` of its own, and the largest one two, so that they can be at work at once.
    """
    for house in {"prefect_house", "agent_house"}.intersection(getattr(item, "fixturenames", ())):
        item.add_marker(pytest.mark.server)
        half = crc32(item.path.stem.encode()) % 2 if item.path.parent.name == "flows" else 0
        group = f"{house} of {item.path.parent.name} {half}" if house == "agent_house" else house
        item.add_marker(pytest.mark.xdist_group(group))


@pytest.fixture(scope="session")
def blank_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SQLite, migrated and empty. To copy it takes a twentieth of the time that it takes to make one."""
    path = tmp_path_factory.mktemp("ledger") / "blank.db"

    async def migrated() -> None:
        async with Ledger.open(f"sqlite+aiosqlite:///{path}") as ledger:
            await ledger.migrate()

    asyncio.run(migrated())
    return path


@pytest.fixture
def ledger_url(tmp_path: Path, blank_sqlite: Path) -> str:
    """A ledger of the test's own, `ledger.db` in its folder."""
    shutil.copy(blank_sqlite, tmp_path / "ledger.db")
    return f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}"


@pytest.fixture
def free_port() -> int:
    """A port of 127.0.0.1 that nobody listened on a moment ago."""
    return unused_port()


def unused_port() -> int:
    """A port of 127.0.0.1 that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
        return port
