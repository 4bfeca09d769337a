"""`midwatch budget`: what was spent today stands beside its limits, and an operator sets those of the house."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from blocks.ledger import open_ledger
from cli.bar import bar
from cli.main import app
from midwatch.budget import Meter


def midwatch(*words: str) -> tuple[int, str]:
    done = CliRunner().invoke(app, ["budget", *words], env={"COLUMNS": "120"})
    return done.exit_code, done.output or str(done.exception)


def spend(home: Path, agent: str, tokens: int) -> None:
    async def run() -> None:
        async with await open_ledger(home) as ledger:
            now = datetime.now(UTC)
            await ledger.start_run(
                agent,
                agent=agent,
                cause="person",
                slot=None,
                level=3,
                asked_level=None,
                input={},
                fingerprint="f",
                started_at=now,
            )
            await ledger.record_step(agent, "m", kind="model", name="m", tokens_in=tokens)

    asyncio.run(run())


def test_what_each_agent_and_all_together_spent_stands_beside_the_limits(home: Path) -> None:
    spend(home, "owl", 300)
    spend(home, "bat", 500)
    assert midwatch("set", "--tokens", "1000", "--because", "a first night")[0] == 0
    code, output = midwatch("--json")
    told = {one["agent"]: one for one in json.loads(output)["spent"]}
    assert (code, told["owl"]["used"]["tokens"], told[None]["used"]["tokens"]) == (0, 300, 800)
    assert told[None]["allowed"] == {"tokens": 1000}
    row = next(line for line in midwatch()[1].splitlines() if "1,000" in line)
    assert row.split() == ["tokens", "800", "1,000", "█" * 16 + "░" * 4, "80%"]


def test_what_is_not_named_stays_and_what_is_lifted_goes(home: Path) -> None:
    midwatch("set", "--usd", "5", "--effects", "200", "--because", "a first night")
    assert "7 US dollars, 200 effects" in midwatch("set", "--usd", "7", "--because", "a second")[1]
    assert midwatch("lift", "usd", "--because", "enough")[1].endswith("one UTC day: 200 effects.\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["set", "--because", "x"], "name at least one limit"),
        (["set", "--usd", "0", "--because", "x"], "--usd: Input should be greater than 0"),
        (["lift", "dollars", "--because", "x"], "dollars: no such measure"),
        (["set", "--usd", "5"], "--because"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_do(home: Path, words: list[str], said: str) -> None:
    code, output = midwatch(*words)
    assert code != 0
    assert said in output


@pytest.mark.parametrize(
    ("used", "drawn", "colour"),
    [
        (0.01, "░░░░░", "dim"),
        (1, "░░░░░", "dim"),
        (2, "█░░░░", "green"),
        (8, "████░", "yellow"),
        (9.9, "████░", "yellow"),
        (10, "█████", "red"),
        (12, "█████", "red"),
    ],
)
def test_a_bar_is_full_where_nothing_is_left_and_its_colour_says_how_near_that_is(
    used: float, drawn: str, colour: str
) -> None:
    text = bar(Meter(scope="house", measure="steps", used=used, allowed=10), 5)
    assert (text.plain, text.spans[0].style) == (drawn, colour)
