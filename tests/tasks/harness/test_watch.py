"""Monitors in whole runs, with the real loop, gate and ledger: told once, asked once, the same in every life."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from midwatch.habit import Traits
from midwatch.ledger import Ask, AskRow, AskVerdict, Ledger
from midwatch.risk import tool
from midwatch.spec import Limits
from tasks.monitoring.loops import LoopWatch
from tests.tasks.harness.lives import Cut, Run, Script, text_of

WORLD: list[str] = []
"""What the tools really did."""


@tool(risk="read")
async def look(what: str) -> str:
    """Look."""
    if what.startswith("missing"):
        raise FileNotFoundError(what)
    WORLD.append(f"look {what}")
    return "nothing is there" if what.startswith("nothing") else f"{what} is there"


@tool(risk="egress", sinks=["to"])
async def tell(to: str) -> str:
    """Tell."""
    WORLD.append(f"tell {to}")
    return "told"


class Answered(Ledger):
    """A person answers every question as it is asked."""

    verdict: AskVerdict = "answered"
    answer: str = "go on"

    async def open_ask(self, ask: Ask) -> AskRow:
        row = await Ledger.open_ask(self, ask)
        said = {"answer": self.answer} if self.verdict == "answered" else {}
        await self.decide_ask(ask.ask_id, self.verdict, by="ann", via="cli", reason="enough", **said)
        return row


@pytest.fixture
async def ledger(ledger_url: str) -> AsyncIterator[Answered]:
    WORLD.clear()
    async with Answered.open(ledger_url) as ledger:
        yield ledger


async def made(
    ledger: Ledger, project: Path, *turns: Any, limits: Limits | None = None, parent: str | None = None, **fields: Any
) -> Run:
    run: dict[str, Any] = {"agent": "a", "cause": "person", "slot": "s", "level": 4, "asked_level": None, "input": {}}
    limits = limits or Limits()
    await ledger.start_run("run", **run, fingerprint="f", started_at=datetime.now(UTC), limits=limits, parent=parent)
    tools = [{"python": f"{__name__}:look"}, {"python": f"{__name__}:tell"}]
    fields = {"limits": limits.model_dump(), **fields}
    rules = {"allow": ["look", "tell"]}
    return Run(ledger=ledger, project=project, script=Script(list(turns)), tools=tools, rules=rules, fields=fields)


def looks(*whats: str) -> list[list[tuple[str, dict[str, Any]]]]:
    return [[("look", {"what": what})] for what in whats]


def tells(*whom: str) -> list[list[tuple[str, dict[str, Any]]]]:
    return [[("tell", {"to": to})] for to in whom]


def notes(run: Run) -> list[int]:
    """The requests that brought the model a note, from 1."""
    last = [text_of(heard[-1:]) for heard in run.script.heard]
    return [number for number, text in enumerate(last, start=1) if "Note of the program" in text]


@pytest.mark.parametrize("cycle", ["a", "ab", "abc"])
async def test_a_loop_is_told_once_and_ends_the_run_where_the_file_says_so(
    ledger: Answered, tmp_path: Path, cycle: str
) -> None:
    monitors = {"loop": {"then": "end"}, "stall": {"then": "off"}}
    run = await made(ledger, tmp_path, *looks(*cycle * 20), monitors=monitors)
    ending = await run.life()
    assert (ending.loop, len(WORLD)) == ("stopped", 6 * len(cycle))
    assert "repeats itself: 6 times in a row" in ending.reason
    assert notes(run) == [3 * len(cycle) + 1]


async def test_a_loop_that_is_left_when_it_is_told_costs_nothing(ledger: Answered, tmp_path: Path) -> None:
    run = await made(ledger, tmp_path, *looks(*"aaabcaa"), "done", monitors={"loop": {"then": "end"}})
    assert (await run.life()).loop == "finished"
    assert notes(run) == [4]


async def test_a_person_lets_a_loop_go_on_for_so_many_steps_and_no_more(ledger: Answered, tmp_path: Path) -> None:
    ledger.answer = "Go on, but look elsewhere"
    run = await made(ledger, tmp_path, *looks(*"a" * 40), monitors={"loop": {"more_steps": 4}})
    ending = await run.life()
    assert (ending.loop, len(WORLD)) == ("stopped", 10)
    assert "a person let it go on for 4 more steps" in ending.reason
    (ask,) = await ledger.asks_of("run")
    assert (ask.kind, ask.rule, ask.verdict) == ("answer", "monitors.loop", "answered")
    assert "says: Go on, but look elsewhere" in text_of(run.script.heard[6][-1:])
    assert notes(run) == [4, 7]


@pytest.mark.parametrize(
    ("verdict", "answer", "said"),
    [
        ("answered", "end the run", "ann ended it: end the run"),
        ("answered", "stop, wrong folder", "ann ended it: stop, wrong folder"),
        ("answered", "going nowhere", "ann ended it"),
        ("denied", "", "ann ended it: enough"),
        ("taken_over", "", "ann took it over: enough"),
    ],
)
async def test_whatever_is_not_go_on_ends_the_run(
    ledger: Answered, tmp_path: Path, verdict: AskVerdict, answer: str, said: str
) -> None:
    ledger.verdict, ledger.answer = verdict, answer
    run = await made(ledger, tmp_path, *looks(*"a" * 40))
    ending = await run.life()
    assert (ending.loop, len(WORLD)) == ("stopped", 6)
    assert said in ending.reason


async def test_where_nobody_can_be_asked_the_run_ends(ledger: Answered, tmp_path: Path) -> None:
    run = await made(ledger, tmp_path, *looks(*"a" * 40), escalation={"to": []})
    assert (await run.life()).loop == "stopped"
    assert await ledger.asks_of("run") == []


async def test_what_is_off_is_not_watched(ledger: Answered, tmp_path: Path) -> None:
    off = {name: {"then": "off"} for name in ("loop", "stall", "drift")}
    run = await made(ledger, tmp_path, *looks(*"a" * 30), "done", monitors=off)
    assert (await run.life()).loop == "finished"
    assert notes(run) == []


async def test_calls_that_are_refused_every_time_are_a_loop_too(ledger: Answered, tmp_path: Path) -> None:
    run = await made(ledger, tmp_path, *tells(*["a"] * 30), monitors={"loop": {"then": "end"}})
    run.rules = {"deny": ["tell"]}
    assert (await run.life()).loop == "stopped"
    assert WORLD == []


async def test_failures_that_differ_are_no_progress(ledger: Answered, tmp_path: Path) -> None:
    run = await made(
        ledger,
        tmp_path,
        *looks(*(f"missing {number}" for number in range(30))),
        monitors={"stall": {"then": "end", "steps": 2}},
    )
    ending = await run.life()
    assert "gets nowhere" in ending.reason
    assert notes(run) == [3]


async def test_asking_for_something_new_that_brings_nothing_new_is_a_stall_in_three_times_as_many_steps(
    ledger: Answered, tmp_path: Path
) -> None:
    whats = [f"nothing {number}" for number in range(30)]
    run = await made(ledger, tmp_path, *looks(*whats), monitors={"stall": {"then": "end", "steps": 2}})
    ending = await run.life()
    assert "nothing new was found out in its last 12 steps" in ending.reason
    assert (notes(run), len(run.script.heard)) == ([8], 13)


async def test_an_effect_is_progress_and_so_is_a_file_of_the_contract(ledger: Answered, tmp_path: Path) -> None:
    loop_off = {"loop": {"then": "off"}, "stall": {"then": "end", "steps": 2}}
    contract = {"done_when": [{"file": {"path": "out"}}]}
    run = await made(ledger, tmp_path, *tells(*"aaaa"), *looks(*"b", *"c" * 12), monitors=loop_off, contract=contract)

    def write(number: int) -> None:
        if number == 8:
            (tmp_path / "out").write_text("x")

    run.script.before = write
    ending = await run.life()
    assert ending.loop == "stopped"
    assert (notes(run), len(run.script.heard)) == ([9], 14)


async def habit(ledger: Ledger, *, steps: float = 3, runs: int = 8) -> None:
    run: dict[str, Any] = {"cause": "person", "slot": None, "level": 4, "asked_level": None, "input": {}}
    for number in range(runs):
        await ledger.start_run(f"past-{number}", agent="a", **run, fingerprint="f", started_at=datetime.now(UTC))
        traits = Traits(steps=steps, minutes=1, tools=frozenset({"look", "tell"}), recipients=frozenset({"ann"}))
        await ledger.record_traits(f"past-{number}", traits)


async def test_somebody_new_is_told_of_once_and_the_next_one_is_asked_about(ledger: Answered, tmp_path: Path) -> None:
    await habit(ledger)
    run = await made(ledger, tmp_path, *tells("Ann", "mallory", "ann", "eve", "trudy"), "done")
    assert (await run.life()).loop == "finished"
    assert notes(run) == [3, 5]
    (ask,) = await ledger.asks_of("run")
    assert "the recipient `eve` was never used before" in ask.reason


async def test_more_steps_than_usual_are_told_and_then_end_it(ledger: Answered, tmp_path: Path) -> None:
    await habit(ledger)
    whats = [str(number) for number in range(40)]
    run = await made(ledger, tmp_path, *looks(*whats), monitors={"drift": {"then": "end"}})
    ending = await run.life()
    assert "11 steps, where up to 7 is usual" in ending.reason
    assert notes(run) == [9]


async def test_with_too_few_runs_behind_it_nothing_is_unusual(ledger: Answered, tmp_path: Path) -> None:
    await habit(ledger, runs=7)
    run = await made(ledger, tmp_path, *tells("mallory", "eve"), "done")
    assert (await run.life()).loop == "finished"
    assert notes(run) == []


@pytest.mark.parametrize("cut", range(1, 10))
async def test_a_run_that_is_cut_off_anywhere_is_told_and_stopped_all_the_same(
    ledger: Answered, tmp_path: Path, cut: int
) -> None:
    await habit(ledger)
    monitors = {"loop": {"more_steps": 3}, "drift": {"then": "end"}}
    run = await made(ledger, tmp_path, *looks(*"a" * 40), limits=Limits(steps=10), monitors=monitors)
    numbers = count(1)
    run.script.before = lambda number: None if next(numbers) != cut else lost()
    with pytest.raises(Cut):
        await run.life()
    ending = await run.life()
    told = {number: text_of(heard[-1:]).count("Note of") for number, heard in enumerate(run.script.heard, start=1)}
    assert (ending.loop, [number for number, times in told.items() if times]) == ("stopped", [4, 7, 9])
    assert len(await ledger.asks_of("run")) == 1
    assert len(WORLD) == 9


def lost() -> None:
    raise Cut


async def test_a_monitor_that_fails_ends_the_run(
    ledger: Answered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(self: LoopWatch, turn: int, *, told: bool) -> None:
        raise ValueError("a defect")

    monkeypatch.setattr(LoopWatch, "sight", broken)
    ending = await (await made(ledger, tmp_path, *looks("a"), "done")).life()
    assert (ending.loop, ending.reason) == ("error", "a monitor failed, which ends the run: ValueError: a defect")


async def test_the_last_fifth_of_a_budget_is_told_once(ledger: Answered, tmp_path: Path) -> None:
    run = await made(ledger, tmp_path, *looks(*"abcdefghijkl"), limits=Limits(steps=10))
    ending = await run.life()
    assert (ending.loop, len(WORLD), notes(run)) == ("out_of_budget", 10, [9])
    assert "8 of 10 steps used in this run" in text_of(run.script.heard[8][-1:])


async def test_a_child_draws_on_the_budget_of_the_run_that_started_it(ledger: Answered, tmp_path: Path) -> None:
    above: dict[str, Any] = {"cause": "person", "slot": None, "level": 4, "asked_level": None, "input": {}}
    started = datetime.now(UTC)
    await ledger.start_run("top", agent="boss", **above, fingerprint="g", started_at=started, limits=Limits(steps=5))
    await ledger.record_step("top", "main/model/1", kind="model", name="m")
    run = await made(ledger, tmp_path, *looks(*"abcdefghi"), parent="top")
    ending = await run.life()
    assert (ending.loop, len(WORLD)) == ("no_budget", 4)
    assert "5 of 5 steps used by the run that started this one and all that it started" in ending.reason
    assert notes(run) == [4]


async def test_an_effect_beyond_the_limit_does_not_begin_and_ends_the_run(ledger: Answered, tmp_path: Path) -> None:
    run = await made(ledger, tmp_path, [("tell", {"to": to}) for to in "abc"], "done", limits=Limits(effects=2))
    ending = await run.life()
    assert (ending.loop, len(WORLD), len(run.script.heard)) == ("out_of_budget", 2, 1)
    assert ending.reason.startswith("out of budget: 2 of 2 effects used in this run")
    assert [refusal.by for refusal in ending.refusals] == ["rule"]
    assert [row.state for row in await ledger.effects_of("run")] == ["consumed", "consumed"]
