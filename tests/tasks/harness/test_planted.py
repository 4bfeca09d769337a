"""A planted proposal in a run: like the others, drawn the same in every life, and nothing in the run ever goes on with it."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any

import pytest

from midwatch.judgment import Ending
from midwatch.ledger import Ask, AskRow, Ledger
from midwatch.planted import chance
from tasks.permissions.answers import decide, take_over
from tasks.permissions.form import Answer
from tests.tasks.harness.lives import Calls, Run, Script, text_of

SHARE = 0.02
WRITE: Calls = [("write_file", {"path": "a.txt", "content": "hello"})]
BAD = {"path": "secret/b.txt", "content": "all passwords"}
WRONG = "it writes passwords into a file"
NOTHING: dict[str, Any] = {"rule": "ask.write-file", "reason": "", "words": "", "deadline": None}


def drawn(wanted: bool) -> str:
    """The id of a run whose first round gets a test, or does not."""
    ids = (f"run-{number}" for number in range(10_000))
    return next(one for one in ids if (Random(f"{one}:0").random() < chance(SHARE, 1)) is wanted)


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    await started(ledger, "before")
    await ledger.open_round([of_before(number) for number in range(60)])
    return ledger


def of_before(number: int) -> Ask:
    about: dict[str, Any] = {
        "tool": "write_file",
        "args_json": "{}",
        "kind": "approve",
        "created_at": datetime.now(UTC),
    }
    named: dict[str, Any] = {"ask_id": f"before-{number}", "call_id": f"main/{number}", "digest": str(number)}
    return Ask(run_id="before", **named, **about, **NOTHING)


async def started(ledger: Ledger, run_id: str) -> None:
    told: dict[str, Any] = {"agent": "a", "cause": "person", "slot": run_id, "level": 4, "asked_level": None}
    await ledger.start_run(run_id, **told, input={}, fingerprint="f", started_at=datetime.now(UTC))


@dataclass
class Story:
    """One run of an agent that asks before it writes."""

    ledger: Ledger
    project: Path
    run_id: str
    script: Script
    calls: Any = None
    minutes: float = 60
    then: str = "deny"

    async def life(self) -> Ending:
        await started(self.ledger, self.run_id)
        planted = {"share": SHARE, "calls": [{"tool": "write_file", "args": BAD, "wrong": WRONG}]}
        escalation = {"deadline_minutes": self.minutes, "then": self.then}
        (self.project / "work").mkdir(exist_ok=True)
        run = Run(
            run_id=self.run_id,
            ledger=self.ledger,
            project=self.project,
            script=self.script,
            tools=[{"write_file": {"root": "work"}}],
            rules={"ask": ["write_file"], "deny": [{"write_file": "secret/**"}]},
            fields={"planted": planted, "escalation": escalation},
        )
        return await run.life()

    async def asked(self) -> tuple[list[AskRow], list[AskRow]]:
        """What is real, and what is planted."""
        rows = await self.ledger.asks_of(self.run_id)
        return [row for row in rows if not row.planted], [row for row in rows if row.planted]

    async def say(self, row: AskRow, verdict: Any, **said: Any) -> AskRow:
        answer = Answer(ask_id=row.ask_id, verdict=verdict, **said)
        return (await decide(self.ledger, row, answer, by="ada", via="cli")).row

    def files(self) -> list[str]:
        return sorted(path.name for path in (self.project / "work").rglob("*") if path.is_file())


@pytest.fixture
def story(ledger: Ledger, tmp_path: Path) -> Story:
    return Story(ledger, tmp_path, drawn(True), Script([WRITE, "done"]))


async def test_a_round_is_drawn_or_it_is_not(ledger: Ledger, tmp_path: Path, story: Story) -> None:
    await story.life()
    other = Story(ledger, tmp_path, drawn(False), Script([WRITE, "done"]))
    await other.life()
    assert [len((await one.asked())[1]) for one in (story, other)] == [1, 0]


async def test_it_looks_like_the_one_beside_it(story: Story) -> None:
    await story.life()
    (real,), (test,) = await story.asked()
    differs = {name for name in (field.name for field in fields(AskRow)) if getattr(real, name) != getattr(test, name)}
    assert differs == {"ask_id", "call_id", "args_json", "digest", "context_json", "planted"}
    assert (test.rule, json.loads(test.args_json)) == ("ask.write-file", BAD)
    assert set(json.loads(test.context_json)) == set(json.loads(real.context_json))
    assert test.ask_id.startswith(f"{story.run_id}:main:")
    assert WRONG not in f"{test.context_json}{test.reason}{test.words}"


async def test_every_life_draws_the_same(story: Story) -> None:
    await story.life()
    first = await story.asked()
    await story.life()
    assert await story.asked() == first


@pytest.mark.parametrize("verdict", ["approved", "edited", "denied"])
async def test_whatever_is_said_to_it_it_never_runs_and_the_model_never_hears_of_it(story: Story, verdict: Any) -> None:
    await story.life()
    (real,), (test,) = await story.asked()
    edit = {"edited_args_json": json.dumps({**BAD, "path": "b.txt"})} if verdict == "edited" else {}
    said = await story.say(test, verdict, **edit)
    assert (said.verdict, said.granted_digest) == (verdict, None)
    await story.say(real, "approved")
    ending = await story.life()
    assert (ending.loop, ending.refusals) == ("finished", ())
    assert story.files() == ["a.txt"]
    assert [effect.ask_id for effect in await story.ledger.effects_of(story.run_id)] == [real.ask_id]
    assert "secret" not in "".join(map(text_of, story.script.heard))


async def test_the_run_waits_for_it_as_for_the_others(story: Story) -> None:
    await story.life()
    _, (test,) = await story.asked()
    assert test.verdict is None
    assert test.ask_id in {row.ask_id for row in await story.ledger.open_asks("a")}


async def test_silence_on_it_alone_ends_no_run(story: Story) -> None:
    story.then = "end"
    await story.life()
    (real,), (test,) = await story.asked()
    await story.say(real, "approved")
    await expired(story.ledger, test)
    assert (await story.life()).loop == "finished"


async def expired(ledger: Ledger, row: AskRow) -> None:
    """As the keeper writes it down, on a clock behind the deadline."""
    assert row.deadline is not None
    late = row.deadline + timedelta(seconds=1)
    ledger._clock = lambda: late
    try:
        await ledger.decide_ask(row.ask_id, "expired", by="nobody", via="keeper")
    finally:
        ledger._clock = lambda: datetime.now(UTC)


async def test_to_take_over_takes_over_although_only_the_test_was_left(story: Story) -> None:
    await story.life()
    (real,), _ = await story.asked()
    await story.say(real, "approved")
    await take_over(story.ledger, story.run_id, by="ada", via="cli", reason="mine")
    for _ in range(2):
        ending = await story.life()
        assert (ending.loop, story.files()) == ("taken_over", [])


async def test_nobody_in_a_hurry_is_tested(story: Story) -> None:
    story.minutes = 5
    await story.life()
    assert len((await story.asked())[1]) == 0


async def test_a_planted_yes_opens_no_call_that_claims_it(story: Story) -> None:
    """The model learns the id of the approved test somehow, and makes a call with it."""
    await story.life()
    (real,), (test,) = await story.asked()
    await story.say(test, "approved")
    await story.say(real, "denied")
    evil: Calls = [("write_file", {**BAD, "path": "c.txt"})]
    story.script = Script([WRITE, evil, "done"])
    await story.life()
    asks = {row.call_id: row for row in await story.ledger.asks_of(story.run_id)}
    assert len(asks) == 3
    assert story.files() == []
    assert await story.ledger.effects_of(story.run_id) == []
