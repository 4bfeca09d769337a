"""A house for one test, with nothing running in it, and a real one for all that want it."""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli import occupancy
from cli.environment import adopt, client_environment, inherited
from cli.home import House, furnish, locate
from tests.conftest import PROJECT, PrefectHouse, unused_port

if TYPE_CHECKING:
    from tests.cli.page_house import Standing, Visitor


@pytest.fixture
def house(tmp_path: Path, free_port: int) -> House:
    house = House(project=tmp_path, home=tmp_path / "home", port=free_port)
    furnish(house)
    return house


@pytest.fixture
async def anna(house: Standing) -> AsyncIterator[Visitor]:
    """Somebody who gave the password, where the module has a page as its `house`."""
    async with house.visitor() as anna:
        await anna.log_in()
        yield anna


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, blank_sqlite: Path) -> Path:
    """Where `midwatch` looks: beside the project, with nothing in it but a ledger that is migrated and empty."""
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(blank_sqlite, home / "ledger.db")
    monkeypatch.setenv("MIDWATCH_PROJECT", str(tmp_path))
    monkeypatch.setenv("MIDWATCH_HOME", str(home))
    return home


@pytest.fixture(scope="package")
def prefect_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PrefectHouse]:
    """A real house while these tests run. It ends with this process, however that ends: its supervisor is on a leash.

    Nothing is deployed, and this process is no client of it: see `in_house`.
    """
    named = {"MIDWATCH_PROJECT": str(PROJECT), "MIDWATCH_HOME": str(tmp_path_factory.mktemp("house") / "home")}
    with occupancy.start(locate(named), port=unused_port(), leashed=True):
        house = locate(named)
        yield PrefectHouse(house=house, env={**inherited(os.environ), **client_environment(house)})
        occupancy.stop(house)


@pytest.fixture
def in_house(prefect_house: PrefectHouse, monkeypatch: pytest.MonkeyPatch) -> Iterator[PrefectHouse]:
    """The same house with this process as its client: `get_client()` and flows called in a test reach it."""
    import prefect.context

    with monkeypatch.context() as patch:
        for name in client_environment(prefect_house.house):
            patch.setenv(name, "")  # so that the old value comes back
        adopt(prefect_house.house)
        yield prefect_house
    prefect.context.refresh_global_settings_context()
