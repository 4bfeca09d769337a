"""`midwatch worth`: the verdict is the exit code, what a person answers is signed, and a script is printed, never run."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cli.main import app
from cli.worth import EXITS
from cli.worth_asked import slots_of
from midwatch.errors import SpecError
from midwatch.ledger import Ledger
from midwatch.ledger.location import location
from midwatch.outcome import EXIT_CODES, EXIT_USAGE, EXIT_WAITING
from tests.midwatch.ledger.conftest import FakeClock
from tests.midwatch.ledger.test_worth import night, written

OWL = """\
name: owl
description: Writes the notes of the night.
instructions: Do it.
model: local
tools:
  - read_file: {root: data}
  - write_file: {root: data}
rules: {allow: [read_file, write_file]}
"""
SCHEDULED = """\
deployments:
  - name: owl
    parameters: {agent: owl}
    schedules:
      - cron: "0 12 * * 1-5"
        timezone: UTC
      - interval: 60
        active: false
"""


@pytest.fixture
def project(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIDWATCH_ZONE", "UTC")
    (home.parent / "agents").mkdir()
    (home.parent / "agents/owl.yaml").write_text(OWL)
    (home.parent / "prefect.yaml").write_text(SCHEDULED)
    return home.parent


def worth(*words: str, said: str | None = None) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["worth", "owl", *words], env={"COLUMNS": "160"}, input=said)
    return done.exit_code, done.output or str(done.exception)


def lived(project: Path, story: Callable[[Ledger, FakeClock], Awaitable[None]], days: int = 30) -> None:
    """So many nights until now."""

    async def run() -> None:
        clock = FakeClock()
        clock.now = datetime.now(UTC) - timedelta(days=days)
        async with Ledger.open(location(project / "home"), clock=clock) as ledger:
            await story(ledger, clock)

    asyncio.run(run())


def nights(outcome: Any = "verified", *, same: bool = False) -> Callable[[Ledger, FakeClock], Awaitable[None]]:
    async def story(ledger: Ledger, clock: FakeClock) -> None:
        for day in range(30):
            await night(ledger, clock, outcome=outcome, calls=written(0 if same else day, "it was quiet"))

    return story


def test_no_verdict_has_the_exit_code_of_anything_else() -> None:
    others = {*EXIT_CODES.values(), EXIT_USAGE, EXIT_WAITING, 1}
    assert len({*EXITS.values()} - others | {0}) == len(EXITS)


def test_before_the_first_run_the_schedule_and_stated_assumptions_decide(project: Path) -> None:
    code, output = worth("--json")
    told = json.loads(output)
    assert (code, told["verdict"], told["positive"], told["basis"], told["by"]) == (0, "keep", False, "answers", None)
    assert (told["answers"]["runs_a_month"], told["answers"]["model_usd"], told["outside"]) == ("21.4", "0", "0.0000")
    assert len(told["assumed"]) == len(told["sensitivity"]) == 9
    code, output = worth()
    assert code == 0
    assert "owl: keep" in output
    assert "Assumed, nobody has said so: minutes that a person needs for one piece of it;" in output


def test_what_is_answered_by_options_is_signed_and_asked_no_more(project: Path) -> None:
    code, output = worth("--minutes", "0.5", "--hour-usd", "30")
    assert code == EXITS["retire"]
    assert "owl: retire" in output
    told = json.loads(worth("--json")[1])
    assert (told["answers"]["minutes"], told["answers"]["hour_usd"], len(told["assumed"])) == ("0.5", "30.0", 7)
    assert told["by"]


def test_asked_at_the_terminal_enter_takes_what_is_assumed(project: Path) -> None:
    code, output = worth("--ask", said="20\nmany\n50\n" + "\n" * 7)
    assert code == 0
    assert "'many' is no such amount" in output
    told = json.loads(worth("--json")[1])
    assert (told["answers"]["minutes"], told["answers"]["hour_usd"], told["assumed"]) == ("20", "50", [])


def test_from_a_month_of_runs_the_verdict_needs_no_answers(project: Path) -> None:
    lived(project, nights())
    code, output = worth()
    assert code == 0
    assert "A month of 30 days, measured" in output
    assert "No plain script: in the last 10 verified runs `path` of write_file differed." in output
    assert json.loads(worth("--json")[1])["positive"] is True


def test_of_an_agent_that_fails_every_night_the_exit_code_says_retire(project: Path) -> None:
    lived(project, nights("failed"))
    code, output = worth()
    assert code == EXITS["retire"]
    assert "nothing that it did was verified, so it saves nothing" in output


def test_what_never_varied_is_printed_as_a_script(project: Path) -> None:
    lived(project, nights(same=True))
    assert worth()[0] == EXITS["plain_script"]
    code, script = worth("--script")
    assert code == 0
    assert compile(script, "script", "exec")
    assert "write('data', 'out-0.md', 'it was quiet')" in script
    assert not (project / "data").exists()


def test_where_the_runs_differed_there_is_no_script(project: Path) -> None:
    lived(project, nights())
    assert worth("--script") == (1, "no script for owl: in the last 10 verified runs `path` of write_file differed")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--minutes", "-1"], "greater than or equal to 0"),
        (["--incident-share", "1.5"], "less than or equal to 1"),
        (["--minutes", "1e12", "--json"], "--minutes: "),
    ],
)
def test_an_answer_that_cannot_be_is_refused(project: Path, words: list[str], said: str) -> None:
    code, output = worth(*words)
    assert code != 0
    assert said in output


def test_of_schedules_those_count_that_are_active(project: Path) -> None:
    now = datetime(2026, 3, 2, tzinfo=UTC)
    assert len(slots_of("owl", project / "prefect.yaml", now)) == 20
    assert slots_of("bat", project / "prefect.yaml", now) == ()
    assert slots_of("owl", project / "none.yaml", now) == ()
    (project / "prefect.yaml").write_text(SCHEDULED.replace("0 12 * * 1-5", "no cron"))
    with pytest.raises(SpecError, match="a schedule of 'owl' cannot be read"):
        slots_of("owl", project / "prefect.yaml", now)
