"""Where an installation lives."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from cli.home import House, furnish, locate, remember_port
from cli.ports import claimable, first_free
from midwatch.errors import HouseError

CHECKOUT = Path(__file__).parents[2]


def test_without_a_word_it_is_the_checkout_wherever_the_caller_stands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    assert locate({}).project == CHECKOUT
    assert locate({}).home == CHECKOUT / ".midwatch"


def test_the_environment_names_another_project_and_home(tmp_path: Path) -> None:
    house = locate({"MIDWATCH_PROJECT": str(tmp_path / "p"), "MIDWATCH_HOME": str(tmp_path / "h")})
    assert (house.project, house.home) == (tmp_path / "p", tmp_path / "h")
    assert locate({"MIDWATCH_PROJECT": str(tmp_path)}).home == tmp_path / ".midwatch"


def test_the_port_is_remembered(tmp_path: Path) -> None:
    house = House(project=tmp_path, home=tmp_path)
    furnish(house)
    remember_port(house, 4711)
    assert locate({"MIDWATCH_HOME": str(tmp_path)}).url == "http://127.0.0.1:4711"


def test_a_port_file_that_holds_no_number_says_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "port").write_text("many")
    with pytest.raises(HouseError, match="does not hold a port number: remove it"):
        locate({"MIDWATCH_HOME": str(tmp_path)})


def test_furnishing_closes_a_home_that_was_open(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o755)
    furnish(House(project=tmp_path, home=home))
    assert [folder.stat().st_mode & 0o777 for folder in (home, home / "prefect", home / "logs")] == [0o700] * 3


def test_the_first_free_port_skips_one_in_use_and_no_free_port_is_an_error() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        free = first_free([port, *range(15900, 16000)])
        assert free != port
        assert claimable(free) == free
        with pytest.raises(HouseError, match="choose one yourself"):
            first_free([port])
