from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai.exceptions import ModelContextWindowExceededError
from pydantic_ai.messages import ModelResponse, ToolReturnPart

from midwatch.ledger import Ledger
from tests.tasks.harness.cuttable import CUT, LOOK, PUT, WORLD, reach
from tests.tasks.harness.lives import Cut, Run, Script, text_of


def calls(tool: str, *whats: str) -> list[tuple[str, dict[str, Any]]]:
    return [(tool, {"what": what}) for what in whats]


THREE = [calls("look", "a"), calls("put", "b", "c"), calls("look", "d"), "all done"]


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    WORLD.clear()
    CUT.clear()
    run: dict[str, Any] = {"agent": "a", "cause": "person", "slot": "s", "level": 4, "asked_level": None}
    await ledger.start_run("run", **run, input={}, fingerprint="f", started_at=datetime.now(UTC))
    return ledger


@pytest.fixture
def run(ledger: Ledger, tmp_path: Path) -> Callable[..., Run]:
    def made(*turns: Any, **fields: Any) -> Run:
        tools = [LOOK, PUT]
        rules = {"allow": ["look", "put"]}
        given: dict[str, Any] = {"tools": tools, "rules": rules, **fields}
        return Run(ledger=ledger, project=tmp_path, script=Script(list(turns)), **given)

    return made


@pytest.mark.parametrize(
    "place",
    ["model 0", "model 1", "model 2", "model 3", "in look a", "before put b", "after put c", "in look d"],
)
async def test_a_run_that_was_cut_off_goes_on_as_if_it_had_not_been(run: Callable[..., Run], place: str) -> None:
    cut = run(*THREE)
    cut.script.before = lambda number: reach(f"model {number}")
    CUT.add(place)
    with pytest.raises(Cut):
        await cut.life()
    assert (await cut.life()).loop == "finished"
    assert set(WORLD) == {"look a", "put b", "put c", "look d"}
    assert [len(heard) for heard in cut.script.heard] == [1, 3, 5, 7]
    assert [effect.state for effect in await cut.ledger.effects_of("run")] == ["consumed", "consumed"]


async def test_a_later_life_shows_the_model_the_same_history(run: Callable[..., Run], ledger: Ledger) -> None:
    whole = run(*THREE)
    CUT.add("in look d")
    with pytest.raises(Cut):
        await whole.life()
    await whole.life()
    last = whole.script.heard[-1]
    results = [part.content for one in last for part in one.parts if isinstance(part, ToolReturnPart)]
    assert results == ["a is there", "put", "put", "d is there"]
    assert last[0].parts[0].content == "The goal."  # type: ignore[union-attr]


async def test_parallel_calls_that_were_through_are_not_run_again(run: Callable[..., Run]) -> None:
    cut = run(calls("look", "a", "b", "c"), "done")
    CUT.add("in look c")
    with pytest.raises(Cut):
        await cut.life()
    through = {step.position for step in await cut.ledger.steps_of("run") if step.kind == "tool"}
    await cut.life()
    assert WORLD.count("look c") == 2
    for number, what in enumerate("ab"):
        assert WORLD.count(f"look {what}") == (1 if f"main/tool/c0.{number}" in through else 2)


async def test_a_run_that_has_ended_asks_the_model_nothing(run: Callable[..., Run]) -> None:
    ended = run(*THREE)
    await ended.life()
    await ended.life()
    assert len(ended.script.heard) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"fields": {"instructions": "Do something else."}},
        {"tools": [LOOK, PUT, "ask_human"]},
    ],
)
async def test_a_run_whose_agent_changed_is_stopped_and_says_so(
    run: Callable[..., Run], change: dict[str, Any]
) -> None:
    CUT.add("in look d")
    with pytest.raises(Cut):
        await run(*THREE).life()
    ending = await run(*THREE, **change).life()
    assert ending.loop == "error"
    assert "changed while this run was under way" in ending.reason
    assert "put b" in WORLD
    assert WORLD.count("look d") == 1


async def test_a_run_that_outgrows_its_model_goes_on_with_what_matters(run: Callable[..., Run]) -> None:
    """A refused call stays refused in the compacted history, and the compacted history is what a later life has."""
    turns = [calls("put", "secret"), *(calls("look", f"{n}" * 300) for n in range(9)), "done"]
    long = run(*turns, rules={"allow": ["look"], "deny": ["put"]}, window=1200)
    long.script.tokens_of = lambda messages: len(text_of(messages)) // 3
    long.script.said = 0
    long.script.before = lambda number: reach(f"model {number}")
    CUT.add("model 9")
    with pytest.raises(Cut):
        await long.life()
    assert (await long.life()).loop == "finished"
    assert [what for what in WORLD if what.startswith("put")] == []
    last = text_of(long.script.heard[-1])
    assert last.startswith("The goal.")
    assert "was refused by a rule" in last
    assert len(long.script.heard[-1]) < 10
    assert sum(what == f"look {'8' * 300}" for what in WORLD) == 1


async def test_a_request_that_the_provider_finds_too_long_is_made_shorter(run: Callable[..., Run]) -> None:
    long = run(*(calls("look", f"{n}" * 300) for n in range(9)), "done")
    long.script.said = 0
    long.script.tokens_of = lambda messages: len(text_of(messages)) // 3

    def refuse(number: int) -> None:
        if number == 8 and not CUT:
            CUT.add("refused")
            raise ModelContextWindowExceededError("m", "too long")

    long.script.before = refuse
    ending = await long.life()
    assert ending.loop == "finished", ending.reason
    assert len(long.script.heard[8]) < len(long.script.heard[7])
    assert isinstance(long.script.heard[8][1], ModelResponse)
