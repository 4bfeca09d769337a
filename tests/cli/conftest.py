"""A house for one test, with nothing running in it."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli.home import House, furnish


@pytest.fixture
def house(tmp_path: Path, free_port: int) -> House:
    house = House(project=tmp_path, home=tmp_path / "home", port=free_port)
    furnish(house)
    return house
