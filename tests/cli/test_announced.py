"""What `midwatch up` and `midwatch status` say of a house: where it is, and how a person goes on."""

from __future__ import annotations

from pathlib import Path

import pytest

from cli import record
from cli.home import House
from cli.hook_address import PORT
from cli.record import Record
from cli.status import _show, look
from cli.up import Up, _announce, facts

HOOKED = "name: tidy\ntriggers:\n  webhooks: []\n"


@pytest.fixture
def up(house: House) -> Up:
    """A house that keeps a receiver."""
    (house.home / PORT).write_text("4407\n")
    keeps(house, "receiver")
    return Up(house=house, supervisor=None, deployments=["tidy"])


def keeps(house: House, *names: str) -> None:
    state = Record(supervisor=record.this_process(), phase="up", port=house.port or 0, keeps=names)
    record.write(house.record, state)


def test_both_say_where_webhooks_come_in(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    _announce(up)
    _show(look(up.house))
    said = capsys.readouterr().out
    assert said.count("http://127.0.0.1:4407/hooks/AGENT/NAME") == 2
    assert facts(up)["hooks"] == look(up.house).hooks == "http://127.0.0.1:4407/hooks/AGENT/NAME"


def test_both_say_when_a_trigger_is_heard_only_after_the_next_start(up: Up, capsys: pytest.CaptureFixture[str]) -> None:
    agents = up.house.project / "agents"
    agents.mkdir()
    (agents / "tidy.yaml").write_text(HOOKED)
    keeps(up.house, "keeper")
    _announce(up)
    _show(look(up.house))
    assert capsys.readouterr().out.count("`midwatch down`, then `midwatch up`") == 2


@pytest.mark.parametrize("there", [True, False])
def test_up_says_how_midwatch_comes_onto_the_path(
    up: Up, there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if there:
        (tmp_path / "midwatch").touch(mode=0o755)
    _announce(up)
    lines = capsys.readouterr().out.splitlines()
    assert lines[-1].startswith("  prefect   eval")
    assert ("bin/activate" in lines[-2]) is not there
