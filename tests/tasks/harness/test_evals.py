"""Evals from life: a past run as a case, its tools answering from the record, with a scripted model and no world."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pydantic_ai.models.function import FunctionModel

from midwatch.evals import Tried
from midwatch.ledger import Ledger
from midwatch.risk import tool
from tasks.harness.evals import Trial
from tasks.harness.place import Place
from tests.tasks.harness.lives import Calls, Run, Script, text_of

WORLD: list[str] = []


@tool(risk="read")
async def look(what: str) -> str:
    """Look."""
    WORLD.append(f"look {what}")
    return f"{what} was there"


@tool(risk="write")
async def put(what: str, words: str = "") -> str:
    """Put."""
    WORLD.append(f"put {what}")
    return f"ticket {len(WORLD)}"


@tool(risk="note")
async def jot(what: str) -> str:
    """Write a note."""
    WORLD.append(f"jot {what}")
    return "noted"


def calls(*named: str) -> Calls:
    return [(tool, {"what": what}) for tool, _, what in (one.partition(" ") for one in named)]


LIFE: list[Calls | str] = [calls("look x", "jot n"), calls("put a", "put b"), "done"]
TOOLS = [{"python": f"{__name__}:{name}"} for name in ("look", "put", "jot")]
RULES: dict[str, Any] = {"allow": ["look", "put", "jot"]}


@pytest.fixture
async def past(ledger: Ledger, tmp_path: Path) -> Run:
    """A verified run that looked, noted and put two things."""
    WORLD.clear()
    facts: dict[str, Any] = {"agent": "a", "cause": "person", "slot": None, "level": 4, "asked_level": None}
    await ledger.start_run(
        "run", **facts, input={}, fingerprint="then", evidence="its evidence", started_at=datetime.now(UTC)
    )
    run = Run(ledger=ledger, project=tmp_path, script=Script(LIFE), tools=TOOLS, rules=RULES)
    await run.life()
    await ledger.finish_run("run", outcome="verified", reason="the contract held")
    WORLD.clear()
    return run


@pytest.fixture
def try_it(past: Run, tmp_path: Path, blank_sqlite: Path) -> Callable[..., Any]:
    async def tried(*turns: Calls | str, loose: tuple[str, ...] = (), **changes: Any) -> tuple[Tried, Script]:
        script, (case,) = Script(list(turns)), await past.ledger.cases_of("a", 9)
        here = Place(project=past.project, home=past.project / "home")
        scratch = shutil.copy(blank_sqlite, tmp_path / f"{uuid4()}.db")
        async with Ledger.open(f"sqlite+aiosqlite:///{scratch}") as ledger:
            model = FunctionModel(script.say)
            spec = replace(past, **changes).spec()
            trial = Trial(spec=spec, model=model, past=past.ledger, scratch=ledger, here=here, loose=loose)
            return await trial.on(case), script

    return tried


async def test_who_does_the_same_again_passes_and_touches_nothing(try_it: Callable[..., Any], past: Run) -> None:
    before = await past.ledger.verify_chain()
    tried, script = await try_it(*LIFE)
    assert (tried.passed, tried.not_on_record, WORLD) == (True, (), [])
    heard = text_of(script.heard[-1])
    assert all(said in heard for said in ("x was there", "noted", "ticket 3", "ticket 4"))
    assert await past.ledger.verify_chain() == before


async def test_who_leaves_an_effect_out_fails(try_it: Callable[..., Any]) -> None:
    tried, _ = await try_it(calls("look x"), calls("put a"), "done")
    assert (tried.passed, tried.missing, tried.extra) == (False, ('put {"what":"b","words":""}',), ())


async def test_who_makes_another_effect_fails_and_it_was_only_staged(try_it: Callable[..., Any]) -> None:
    tried, script = await try_it(calls("put a", "put b", "put c"), "done")
    assert (tried.passed, tried.extra, WORLD) == (False, ('put {"what":"c","words":""}',), [])
    assert "staged and not executed" in text_of(script.heard[-1])


async def test_a_look_that_is_not_on_record_is_a_deviation_and_no_failure(try_it: Callable[..., Any]) -> None:
    tried, script = await try_it(calls("look y"), calls("put b", "put a"), "done")
    assert (tried.passed, tried.not_on_record, WORLD) == (True, ('look {"what":"y"}',), [])
    assert "This is not on record" in text_of(script.heard[-1])


async def test_a_look_that_a_rule_asks_about_now_is_answered_from_the_record_too(try_it: Callable[..., Any]) -> None:
    tried, script = await try_it(*LIFE, rules={"ask": ["look"], "allow": ["put", "jot"]})
    assert (tried.passed, "x was there" in text_of(script.heard[-1])) == (True, True)


async def test_what_a_rule_denies_now_is_missing(try_it: Callable[..., Any]) -> None:
    tried, _ = await try_it(*LIFE, rules={**RULES, "deny": [{"put": {"what": "b"}}]})
    assert (tried.passed, len(tried.missing)) == (False, 1)


async def test_an_argument_that_may_differ_may(try_it: Callable[..., Any]) -> None:
    reworded = [("put", {"what": what, "words": "anew"}) for what in "ab"]
    assert not (await try_it(reworded, "done"))[0].passed
    assert (await try_it(reworded, "done", loose=("put.words",)))[0].passed


async def test_who_does_not_come_to_an_end_fails(try_it: Callable[..., Any]) -> None:
    limits = {"limits": {"steps": 2}}
    tried, _ = await try_it(calls("put a"), calls("put b"), calls("look x"), "done", fields=limits)
    assert (tried.passed, tried.missing, tried.fault.partition(":")[0]) == (False, (), "out_of_budget")


async def test_an_input_that_the_agent_does_not_take_any_more_is_the_case_s_fault(try_it: Callable[..., Any]) -> None:
    tried, _ = await try_it(*LIFE, fields={"input": {"folder": {"type": "string"}}})
    assert (tried.passed, "folder" in tried.fault) == (False, True)


async def test_results_are_kept_with_their_fingerprint_and_once(try_it: Callable[..., Any], past: Run) -> None:
    tried, _ = await try_it(*LIFE)
    for _ in range(2):
        rows = await past.ledger.record_eval("e1", agent="a", fingerprint="now", model="m", tried=[tried])
    assert [(row.passed, row.case_fingerprint, json.loads(row.detail_json)["missing"]) for row in rows] == [
        (True, "its evidence", [])
    ]
    assert await past.ledger.last_eval("a", "now") == rows
    assert await past.ledger.last_eval("a", "other") == []
    assert (await past.ledger.verify_chain()).ok


async def test_only_verified_runs_that_a_model_made_are_cases(past: Run) -> None:
    ledger = past.ledger
    facts: dict[str, Any] = {"agent": "a", "cause": "person", "slot": None, "level": 4, "asked_level": None}
    for run_id, shadow in (("failed", False), ("shadow", True)):
        now = datetime.now(UTC)
        await ledger.start_run(run_id, **facts, input={}, fingerprint="f", started_at=now, shadow=shadow)
    await ledger.finish_run("failed", outcome="failed", reason="no")
    await ledger.finish_run("shadow", outcome="verified", reason="it staged nothing")
    assert [row.run_id for row in await ledger.cases_of("a", 9)] == ["run"]
