"""`midwatch top`: it fits every terminal, hides nothing that a person must see, and costs hardly anything."""

from __future__ import annotations

import asyncio
import io
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, Group
from rich.text import Text
from typer.testing import CliRunner

from cli.main import app
from cli.top import Watcher, _lines
from cli.top_frame import frame, packed, plain
from midwatch.characters import visible
from midwatch.halt import Target
from midwatch.ledger import Ledger
from midwatch.ledger.moment import EndedRun, Moment
from midwatch.outcome import Outcome
from midwatch.spec import Limits
from midwatch.top import Top, top_of
from tests.midwatch.test_top import NOW, ask, halt, run
from tests.tasks.digest.night import empty_night

UTC_ZONE = ZoneInfo("UTC")
HOSTILE = "[bold]x[/bold]\x1b[2J\x1b[1;1H\u202eevil\n\rPAID\t" + "漢" * 300


def ended(run_id: str, outcome: Outcome = "verified", reason: str = "") -> EndedRun:
    return EndedRun(run_id=run_id, agent="owl", outcome=outcome, finished_at=NOW, reason=reason)


def busy(**facts: Any) -> Top:
    asks = ask("a", args='{"path": "old/backup.tar"}'), ask("b", "answer", run_id="r2", tool="ask_human")
    runs = run(limits=Limits(steps=3, tokens=1000)), run("r2", "bat"), run("r3", "fox", minutes=300)
    found = Moment(
        asks=asks, open_asks=2, runs=runs, open_runs=3, ended=(ended("e1"), ended("e2", "failed", "GET answered 502"))
    )
    return top_of(NOW, replace(found, **facts), halts=[halt("agent", "mole")])


def shown(top: Top, width: int = 80, height: int | None = None) -> str:
    return plain(frame(top, UTC_ZONE, width=width, height=height))


def test_what_needs_a_person_stands_above_what_runs_and_what_has_ended() -> None:
    text = shown(busy())
    order = [
        "HALT agent mole was halted by anna",
        "NEEDS A PERSON",
        "owl wants write_file",
        "NOT ENDED",
        "fox",
        "\nENDED",
    ]
    assert [text.index(words) for words in order] == sorted(text.index(words) for words in order)


def test_it_says_what_is_asked_until_when_and_what_to_type() -> None:
    lines = shown(busy()).split("\n")
    at = next(number for number, line in enumerate(lines) if "wants write_file" in line)
    assert '{"path": "old/backup.tar"}' in lines[at]
    assert "until 04:00, in 60 min · asked in the inbox 5 min ago · midwatch show r1" in lines[at + 1]


def test_a_run_shows_what_it_has_used_of_what_it_may() -> None:
    text = shown(busy(asks=(), open_asks=0))
    assert "steps █████ 3/3" in text
    assert "tokens ████░ 900/1k" in text
    assert "by a schedule" in text


@pytest.mark.parametrize("width", [45, 80])
def test_every_line_fits_and_the_important_words_are_whole(width: int) -> None:
    text = shown(busy(), width)
    assert max(map(cell_len, text.split("\n"))) <= width
    for words in ("NEEDS A PERSON", "wants write_file", "until 04:00", "midwatch show r1", "midwatch resume mole"):
        assert words in text
    assert "…" in shown(busy(), 20)


@given(st.integers(8, 200), st.integers(4, 60), st.text(max_size=300))
def test_whatever_the_terminal_and_whatever_an_agent_says_it_fits(width: int, height: int, text: str) -> None:
    runs = (run(agent=text or "x", last_step=text),)
    asks = tuple(ask(f"a{number}", tool=text, agent=text, args=text, rule=f"{number}") for number in range(9))
    top = top_of(NOW, Moment(runs=runs, asks=asks, ended=(ended("e", "failed", text),)), halts=[halt("all")])
    lines = frame(top, UTC_ZONE, width=width, height=height)
    assert len(lines) <= height
    assert all(cell_len(line.plain) <= width for line in lines)
    assert visible(plain(lines)) == plain(lines).replace("‹", "‹U+2039›")


def test_nothing_that_an_agent_says_is_markup_or_moves_the_cursor() -> None:
    found = Moment(runs=(run(agent=HOSTILE, last_step=HOSTILE),), asks=(ask("a", agent=HOSTILE, args=HOSTILE),))
    console = Console(width=80, force_terminal=True, file=io.StringIO(), color_system="truecolor")
    with console.capture() as capture:
        console.print(Group(*frame(top_of(NOW, found), UTC_ZONE, width=80)))
    assert "[bold]x[/bold]" in capture.get()
    for forbidden in ("\x1b[2J", "\x1b[1;1H", "\u202e", "\r"):
        assert forbidden not in capture.get()


def test_a_short_terminal_counts_what_it_has_no_room_for() -> None:
    lines = shown(busy(), height=8).split("\n")
    assert len(lines) == 8
    assert lines[-1].endswith("more lines: a taller terminal has room for them")
    assert "HALT" in "\n".join(lines)


def test_what_is_not_listed_is_counted() -> None:
    text = shown(busy(open_asks=120, open_runs=150))
    assert "and 118 more: midwatch inbox" in text
    assert "and 147 earlier ones: midwatch runs" in text


def test_nothing_at_all_is_said_in_two_lines() -> None:
    assert shown(top_of(NOW, Moment())).split("\n") == [
        "Mon 02 Mar 03:00:00 · 0 not ended · 0 wait for a person",
        "today 0.0000 US dollars, 0 tokens",
        "",
        "NOTHING RUNS",
    ]


def test_pieces_fill_a_line_before_they_begin_another() -> None:
    lines = packed([Text("aaa"), Text("bbb"), Text("ccccccccc")], 9, " · ", 2, first=0)
    assert [line.plain for line in lines] == ["aaa · bbb", "  ccccccccc"]


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path))
    monkeypatch.setenv("MIDWATCH_ZONE", "UTC")
    asyncio.run(at_work(tmp_path))
    return tmp_path


async def at_work(home: Path) -> None:
    async with empty_night(home, datetime.now(UTC) - timedelta(minutes=4)) as night:
        waits = await night.begins("machine-report")
        await night.asks(waits, "delete_file", 2)
        works = await night.begins("price-watch")
        await night.thinks(works)
        await night.ledger.halt(Target.of("inbox-triage"), by="anna", via="cli", because="storm")


@pytest.mark.parametrize("options", [["--once"], []])
def test_without_a_terminal_it_is_one_frame(home: Path, options: list[str]) -> None:
    found = CliRunner().invoke(app, ["top", *options])
    assert found.exit_code == 0
    assert "machine-report wants delete_file" in found.output
    assert "price-watch" in found.output


def test_a_program_gets_one_object(home: Path) -> None:
    told = json.loads(CliRunner().invoke(app, ["top", "--json"]).output)
    assert [need["tool"] for need in told["needs"]] == ["delete_file"]
    assert [worker["state"] for worker in told["workers"]] == ["works", "waits"]
    assert told["stops"][0]["command"] == "midwatch resume inbox-triage"
    assert told["today"]["tokens"] == 1000


async def test_a_ledger_that_is_away_is_said_and_waited_for(tmp_path: Path) -> None:
    async with Ledger.open(f"sqlite:///{tmp_path / 'ledger.db'}") as ledger:
        looking = Watcher(ledger=ledger, agents=tmp_path, now=lambda: NOW)
        console = Console(width=80, height=20, file=io.StringIO())
        (line,) = await _lines(looking, console, UTC_ZONE)
        assert "nothing can be seen" in line.plain
        await ledger.migrate()
        assert "NOTHING RUNS" in plain(await _lines(looking, console, UTC_ZONE))
