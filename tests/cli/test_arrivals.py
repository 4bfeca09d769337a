from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.main import app
from midwatch.ledger import Arrival, Ledger
from tasks.triggers.dispatch import alarm_key

CLI = CliRunner()


@pytest.fixture
def told(home: Path) -> Callable[[Callable[[Ledger], Awaitable[object]]], object]:
    """Do something to the ledger that the commands read."""

    async def done(work: Callable[[Ledger], Awaitable[object]]) -> object:
        async with Ledger.open(f"sqlite+aiosqlite:///{home / 'ledger.db'}") as ledger:
            return await work(ledger)

    return lambda work: asyncio.run(done(work))


def came(delivery: str, refused: str = "") -> Arrival:
    input = {} if refused else {"title": "\x1b[31mred"}
    return Arrival(
        agent="night", trigger="webhook h", delivery=delivery, payload='{"\x1b": 1}', input=input, refused=refused
    )


Told = Callable[[Callable[[Ledger], Awaitable[object]]], object]


def test_what_arrived_is_listed_with_its_state_and_why(told: Told) -> None:
    told(lambda ledger: ledger.enter_arrival(came("d1")))
    told(lambda ledger: ledger.enter_arrival(came("d2", "it has no title")))
    result = CLI.invoke(app, ["arrivals", "night"], env={"COLUMNS": "200"})
    assert result.exit_code == 0
    assert "received (UTC)" in result.output
    assert "it has no title" in result.output
    assert json.loads(CLI.invoke(app, ["arrivals", "other", "--json"]).output) == []


def test_one_arrival_is_shown_whole_and_its_text_cannot_speak_to_the_terminal(told: Told) -> None:
    told(lambda ledger: ledger.enter_arrival(came("d1")))
    arrival_id = came("d1").id
    result = CLI.invoke(app, ["arrivals", "show", arrival_id[:8]])
    assert result.exit_code == 0
    assert "webhook h" in result.output
    assert "\x1b" not in result.output
    assert json.loads(CLI.invoke(app, ["arrivals", "show", arrival_id, "--json"]).output)["payload"] == '{"\x1b": 1}'


def test_what_was_set_aside_is_tried_again_and_its_alarm_is_over(told: Told) -> None:
    told(lambda ledger: ledger.enter_arrival(came("d1")))
    told(lambda ledger: ledger.arrival_failed(came("d1").id, "no deployment", tries=1))
    told(lambda ledger: ledger.raise_alarm(alarm_key("night"), agent="night", severity="attention", what="w"))
    assert CLI.invoke(app, ["arrivals"]).exit_code == 1
    again = CLI.invoke(app, ["arrivals", "retry", came("d1").id[:6], "--json"])
    assert json.loads(again.output)["state"] == "received"
    assert told(lambda ledger: ledger.open_alarms()) == []
    assert CLI.invoke(app, ["arrivals"]).exit_code == 0


def test_what_was_set_aside_is_told_of_however_old_it_is(told: Told) -> None:
    told(lambda ledger: ledger.enter_arrival(came("d1")))
    told(lambda ledger: ledger.arrival_failed(came("d1").id, "no deployment", tries=1))
    told(lambda ledger: ledger.enter_arrival(came("d2")))
    result = CLI.invoke(app, ["arrivals", "--limit", "1"])
    assert (result.exit_code, "1 more that were set aside" in result.output) == (1, True)
    assert CLI.invoke(app, ["arrivals", "other"]).exit_code == 0


def test_a_sender_s_name_for_it_prints_no_line_of_its_own(told: Told) -> None:
    told(lambda ledger: ledger.enter_arrival(came("d1\nstate        started")))
    shown = CLI.invoke(app, ["arrivals", "show", came("d1\nstate        started").id]).output
    assert "\nstate        started" not in shown
    assert "⏎" in CLI.invoke(app, ["arrivals"], env={"COLUMNS": "200"}).output


def test_only_what_was_set_aside_can_be_tried_again(told: Told) -> None:
    told(lambda ledger: ledger.enter_arrival(came("d1")))
    result = CLI.invoke(app, ["arrivals", "retry", came("d1").id])
    assert "only what was set aside" in str(result.exception)
