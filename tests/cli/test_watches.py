"""The keeper's watches: its heartbeat, the ping to outside, and the sign that a person types."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cli import keeper, record
from cli.home import House
from cli.keeper import Rounds, one_round
from cli.lookout_checks import HEARTBEAT, Look, Seen
from cli.record import Record
from cli.sign_of_life import SEEN
from cli.watches import PING, PING_EACH, BreakerWatch, Ping, SilenceWatch, beat, ping
from midwatch.ledger import Ledger
from tasks.harness.place import Place
from tests.cli.test_lookout import served
from tests.conftest import PROJECT

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)
WELL = Look(seen=(Seen(name="server", ok=True, detail=""),))
ILL = Look(seen=(Seen(name="server", ok=False, detail="it does not answer"),))


def rounds(here: Path, **facts: Any) -> Rounds:
    return Rounds(client=cast(Any, None), ledger=cast(Any, None), here=Place(project=here, home=here), **facts)


def test_the_heartbeat_says_which_duties_failed(tmp_path: Path) -> None:
    beat(rounds(tmp_path).here, ["revive"])
    assert json.loads((tmp_path / HEARTBEAT).read_text()) == {"failing": ["revive"]}


async def test_a_duty_that_fails_is_named_until_it_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fails = [True]

    async def moody(*_: object) -> list[str]:
        if fails[0]:
            raise OSError("no")
        return ["done"]

    monkeypatch.setattr(keeper, "DUTIES", ())
    mine = rounds(tmp_path, watches=(moody,))
    assert (await one_round(mine, NOW), mine.failing) == ([], ["moody"])
    fails.clear()
    fails.append(False)
    assert (await one_round(mine, NOW), mine.failing) == (["done"], [])
    assert "OSError: no" in capsys.readouterr().err


def test_a_ping_asks_for_the_address_while_all_is_well_and_for_its_fail_otherwise(free_port: int) -> None:
    url = f"http://127.0.0.1:{free_port}/uuid"
    with served(free_port) as heard:
        assert ping(url, WELL) == ""
        assert ping(url, ILL) == ""
    assert heard == [("/uuid/fail", "server: it does not answer")]
    assert "does not go out" in ping(url, WELL)
    assert "/uuid" not in ping(url, WELL)
    assert "no http or https address" in ping("file:///etc/passwd", WELL)


async def test_a_ping_goes_out_each_minute_where_somebody_waits_for_it_and_a_fault_is_said_once(
    house: House, free_port: int
) -> None:
    here = Place(project=house.project, home=house.home)
    mine = Rounds(client=cast(Any, None), ledger=cast(Any, None), here=here)
    assert await Ping(environ={})(mine, NOW) == []
    me = record.this_process()
    record.write(house.record, Record(supervisor=me, phase="up", port=free_port))
    one = Ping(environ={PING: f"http://127.0.0.1:{free_port}"})
    assert len(await one(mine, NOW)) == 1
    assert await one(mine, NOW + PING_EACH / 2) == []
    assert await one(mine, NOW + PING_EACH) == []
    with served(free_port) as heard:
        assert await one(mine, NOW + 2 * PING_EACH) == ["the ping goes out again"]
        assert await one(mine, NOW + 2.5 * PING_EACH) == []
    (fail,) = heard
    assert fail[0] == "/fail"
    assert "ledger: it cannot be read" in fail[1]


async def test_the_watches_look_back_a_day_at_first_and_then_from_where_they_looked(tmp_path: Path) -> None:
    asked: list[datetime] = []

    class Watched:
        async def agents_ended_since(self, since: datetime) -> list[str]:
            asked.append(since)
            return []

        async def breakers_of(self) -> list[Any]:
            return []

    mine = Rounds(
        client=cast(Any, SimpleNamespace()), ledger=cast(Ledger, Watched()), here=Place(project=tmp_path, home=tmp_path)
    )
    watch = BreakerWatch()
    for minute in (0, 1):
        assert await watch(mine, NOW + timedelta(minutes=minute)) == []
    assert asked == [NOW - timedelta(days=1), NOW - timedelta(minutes=1)]


async def test_silences_are_looked_at_seldom(tmp_path: Path) -> None:
    async with Ledger.open(f"sqlite+aiosqlite:///{tmp_path / 'ledger.db'}", clock=lambda: NOW) as ledger:
        await ledger.migrate()
        (tmp_path / "agents").mkdir()
        await ledger.grant_level("owl", 5, by="anna", because="earned")
        here = Place(project=tmp_path, home=tmp_path)
        mine = Rounds(client=cast(Any, None), ledger=ledger, here=here)
        watch = SilenceWatch()
        assert await watch(mine, NOW) == []
        assert await watch(mine, NOW + timedelta(seconds=1)) == []
        assert len(await watch(mine, NOW + timedelta(days=15))) == 1


@pytest.mark.parametrize("terminal", [True, False])
def test_a_command_that_is_typed_at_a_terminal_is_a_sign_and_a_line_of_cron_is_none(
    tmp_path: Path, terminal: bool
) -> None:
    script = "from cli.sign_of_life import sign_of_life; sign_of_life()"
    environ = {**os.environ, "MIDWATCH_HOME": str(tmp_path)}
    ours, theirs = pty.openpty()
    stream = theirs if terminal else subprocess.DEVNULL
    argv = [sys.executable, "-c", script]
    subprocess.run(argv, stdin=stream, stdout=stream, cwd=PROJECT, env=environ, check=True)
    os.close(ours)
    os.close(theirs)
    assert (tmp_path / SEEN).exists() is terminal
