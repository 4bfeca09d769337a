"""An effect whose end nobody saw: what a person reads about it, and says."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cli.main import app
from midwatch.ledger import Ledger, RunRow
from midwatch.run_ids import short

RUN = "7d6f3b0c-0f39-4c55-9e52-2f36f1f9a001"
SHORT = short(RUN)
NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
Say = Callable[..., Result]
Write = Callable[[Callable[[Ledger], Coroutine[Any, Any, Any]]], Any]


@pytest.fixture
def write(home: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Does something to the ledger of an installation that `midwatch` then looks at."""
    monkeypatch.setattr("cli.settlement.adopt", lambda _house: None)  # these tests have no house

    async def done(work: Callable[[Ledger], Coroutine[Any, Any, Any]]) -> Any:
        async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}") as ledger:
            return await work(ledger)

    return lambda work: asyncio.run(done(work))


@pytest.fixture
def midwatch(write: Write) -> Say:
    """Runs one verb, on a run that ended in the middle of `shell make`, after it had written a file."""

    async def ended(ledger: Ledger) -> None:
        facts: dict[str, Any] = {"cause": "person", "slot": None, "level": 3, "asked_level": None, "input": {}}
        await ledger.start_run(RUN, agent="night", fingerprint="f", started_at=NOW, **facts)
        call: dict[str, Any] = {"digest": "d", "idempotency_key": "k"}
        wrote = await ledger.reserve(RUN, "main/1", tool="write_file", args_json='{"path":"a"}', **call)
        await ledger.consume(wrote.effect_id, "{}", undo="cp /kept/a.file /data/a")
        made = await ledger.reserve(RUN, "main/2", tool="shell", args_json='{"command":"make [all]"}', **call)
        await ledger.mark_unknown(made.effect_id, "the run was cut off in the middle of it", undo="make clean")
        await ledger.finish_run(RUN, outcome="unknown", reason="nobody saw it")

    write(ended)
    return lambda *words: CliRunner().invoke(app, list(words), env={"COLUMNS": "300"})


def test_the_inbox_says_what_is_asked_why_nobody_knows_and_what_comes_of_each_answer(midwatch: Say) -> None:
    shown = midwatch("inbox").output
    assert f"1 · shell · did this happen? Run {SHORT} of night cannot tell" in shown
    assert '"command": make [all]' in shown
    assert "nobody saw its end: the run was cut off in the middle of it" in shown
    assert f'midwatch settle {SHORT} 1 happened --because "..."   it stands as done' in shown
    assert f'midwatch settle {SHORT} 1 not --because "..."        it stands as not done' in shown
    assert "a new one: midwatch run night" in shown
    assert "should it have happened and be taken back: make clean" in shown


def test_the_inbox_for_machines_names_kind_and_number_and_no_deadline(midwatch: Say) -> None:
    (row,) = json.loads(midwatch("inbox", "--json").output)
    assert (row["kind"], row["number"], row["deadline"]) == ("settle", 1, None)


def test_a_run_shows_how_to_take_back_what_it_did_and_not_what_nobody_knows(midwatch: Say) -> None:
    shown = midwatch("show", SHORT).output
    taken_back, _, asked = shown.partition("1 · shell")
    assert "How to take back what it did" in taken_back
    assert 'write_file {"path":"a"}\n    cp /kept/a.file /data/a' in taken_back
    assert "make clean" not in taken_back
    assert "did this happen?" in asked


@pytest.mark.parametrize(
    ("became", "state", "said"),
    [
        ("happened", "consumed", "1 · shell: it stands as done."),
        ("not", "released", "1 · shell: it stands as not done. To have it done, start a new run: midwatch run night"),
    ],
)
def test_a_person_settles_it_once(midwatch: Say, write: Write, became: str, state: str, said: str) -> None:
    assert midwatch("settle", SHORT, "1", became, "--because", "I looked").output == f"{said}\n"
    effects = write(lambda ledger: ledger.effects_of(RUN))
    run: RunRow = write(lambda ledger: ledger.run(RUN))
    assert ([effect.state for effect in effects], run.outcome) == (["consumed", state], "unknown")
    assert "already, by" in midwatch("settle", SHORT, "1", "happened", "--because", "so do I").output
    assert midwatch("inbox").output == "Nothing waits for you.\n"


def test_what_was_said_is_shown_with_who_said_it_and_why(midwatch: Say) -> None:
    midwatch("settle", SHORT, "1", "happened", "--because", "the build is there")
    shown = midwatch("show", SHORT).output
    assert "1 · shell · happened" in shown
    assert "through cli: the build is there" in shown
    assert "midwatch settle" not in shown


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("2", "happened", "--because", "x"), f"run {SHORT} has no question 2"),
        (("1", "happened", "--because", " "), "say how you know what became of 'shell'"),
    ],
)
def test_what_cannot_be_settled_is_refused_in_words(midwatch: Say, words: tuple[str, ...], said: str) -> None:
    refused = midwatch("settle", SHORT, *words)
    assert said in str(refused.exception)


def test_a_word_that_it_cannot_be_is_a_wrong_word(midwatch: Say) -> None:
    assert midwatch("settle", SHORT, "1", "maybe", "--because", "x").exit_code == 2
