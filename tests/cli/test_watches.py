"""The keeper's watches: breakers, silences, and the sign that a person types."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cli.duty import Rounds
from cli.keeper import one_round
from cli.sign_of_life import SEEN
from cli.watches import BreakerWatch, SilenceWatch
from midwatch.ledger import Ledger
from tasks.harness.place import Place
from tests.conftest import PROJECT

NOW = datetime(2026, 3, 1, 3, 0, tzinfo=UTC)


def rounds(here: Path) -> Rounds:
    return Rounds(client=cast(Any, None), ledger=cast(Any, None), here=Place(project=here, home=here))


async def test_a_duty_that_fails_is_named_until_it_does_not(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fails = [True]

    async def moody(*_: object) -> list[str]:
        if fails[0]:
            raise OSError("no")
        return ["done"]

    mine = rounds(tmp_path)
    assert (await one_round([moody], mine, NOW), mine.failing) == ([], ["moody"])
    fails.clear()
    fails.append(False)
    assert (await one_round([moody], mine, NOW), mine.failing) == (["done"], [])
    assert "OSError: no" in capsys.readouterr().err


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
        await ledger.grant_level("owl", 4, by="anna", because="a while")
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
