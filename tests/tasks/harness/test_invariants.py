"""What must hold all the time: a broken one stops the run at once, in this life and in every later one."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from pydantic_ai import RunContext

from midwatch.ledger import Ledger
from midwatch.risk import tool
from midwatch.run import RunFacts
from tasks.harness.invariants import BROKEN, InvariantBroken
from tests.tasks.harness.lives import Cut, Run, Script

CUT: set[str] = set()


@tool(risk="write", idempotent=True)
async def put(ctx: RunContext[RunFacts], what: str) -> str:
    """Put."""
    (ctx.deps.project / "world" / what).touch()
    return "put"


@tool(risk="read")
async def look(ctx: RunContext[RunFacts]) -> str:
    """Look; once the process is lost there."""
    if "in look" in CUT:
        CUT.remove("in look")
        raise Cut
    return "there"


AT_MOST_TWO = {"invariants": [{"files": {"glob": "world/*", "at_most": 2}, "name": "not too many"}]}


def puts(*whats: str) -> list[tuple[str, dict[str, Any]]]:
    return [("put", {"what": what}) for what in whats]


@pytest.fixture
async def ledger(ledger: Ledger, tmp_path: Path) -> Ledger:
    CUT.clear()
    (tmp_path / "world").mkdir()
    run: dict[str, Any] = {"agent": "a", "cause": "person", "slot": "s", "level": 4, "asked_level": None}
    await ledger.start_run("run", **run, input={}, fingerprint="f", started_at=datetime.now(UTC))
    return ledger


def run_of(ledger: Ledger, project: Path, *turns: Any, contract: dict[str, Any] = AT_MOST_TWO) -> Run:
    names = ("put", "look")
    return Run(
        ledger=ledger,
        project=project,
        script=Script(turns),
        tools=[{"python": f"{__name__}:{name}"} for name in names],
        rules={"allow": list(names)},
        fields={"contract": contract},
    )


def world(project: Path) -> list[str]:
    return sorted(path.name for path in (project / "world").iterdir())


async def test_the_run_goes_on_as_long_as_they_hold(ledger: Ledger, tmp_path: Path) -> None:
    run = run_of(ledger, tmp_path, puts("a"), puts("b"), "done")
    assert (await run.life()).loop == "finished"
    assert len(run.script.heard) == 3


async def test_a_broken_one_ends_it_at_once_and_the_model_hears_nothing_more(ledger: Ledger, tmp_path: Path) -> None:
    run = run_of(ledger, tmp_path, puts("a", "b"), puts("c"), puts("d"), "done")
    with pytest.raises(InvariantBroken, match=r"not too many: expected at most 2 files world/\*, found 3"):
        await run.life()
    assert world(tmp_path) == ["a", "b", "c"]
    assert len(run.script.heard) == 2
    assert {effect.state for effect in await ledger.effects_of("run")} == {"consumed"}


async def test_of_calls_made_side_by_side_none_begins_behind_a_broken_one(ledger: Ledger, tmp_path: Path) -> None:
    run = run_of(ledger, tmp_path, puts("a", "b", "c", "d", "e"), "done")
    with pytest.raises(InvariantBroken):
        await run.life()
    assert len(world(tmp_path)) == 3
    assert [effect.state for effect in await ledger.effects_of("run")] == ["consumed"] * 3


async def test_a_later_life_ends_as_well_even_where_the_world_was_mended(ledger: Ledger, tmp_path: Path) -> None:
    with pytest.raises(InvariantBroken):
        await run_of(ledger, tmp_path, puts("a", "b", "c"), "done").life()
    (tmp_path / "world" / "c").unlink()
    later = run_of(ledger, tmp_path, puts("a", "b", "c"), "done")
    with pytest.raises(InvariantBroken, match="found 3"):
        await later.life()
    assert later.script.heard == []


async def test_a_life_that_was_lost_before_its_look_is_looked_at_by_the_next(ledger: Ledger, tmp_path: Path) -> None:
    CUT.add("in look")
    turns: tuple[Any, ...] = (puts("a", "b"), [("look", {})], puts("c"), "done")
    with pytest.raises(Cut):
        await run_of(ledger, tmp_path, *turns).life()
    (tmp_path / "world" / "by-somebody-else").touch()
    later = run_of(ledger, tmp_path, *turns)
    with pytest.raises(InvariantBroken, match="found 3"):
        await later.life()
    assert (later.script.heard, world(tmp_path)) == ([], ["a", "b", "by-somebody-else"])


async def test_one_that_cannot_be_looked_at_is_broken(ledger: Ledger, tmp_path: Path) -> None:
    blind = {"invariants": [{"sql": {"url_env": "NO_SUCH_VARIABLE", "query": "SELECT 1", "equals": 1}}]}
    with pytest.raises(InvariantBroken, match=r"\$NO_SUCH_VARIABLE is not set"):
        await run_of(ledger, tmp_path, puts("a"), "done", contract=blind).life()
    assert world(tmp_path) == []


async def test_what_was_before_is_written_down_once_for_all_lives(ledger: Ledger, tmp_path: Path) -> None:
    nothing_else = {"invariants": [{"unchanged": {"within": "world", "apart_from": ["world/a"]}}]}
    CUT.add("in look")
    turns: tuple[Any, ...] = (puts("a"), [("look", {})], puts("b"), "done")
    with pytest.raises(Cut):
        await run_of(ledger, tmp_path, *turns, contract=nothing_else).life()
    with pytest.raises(InvariantBroken, match="new: world/b"):
        await run_of(ledger, tmp_path, *turns, contract=nothing_else).life()
    assert BROKEN in {step.position for step in await ledger.stored_steps("run")}


async def test_effects_are_counted_while_the_run_goes_on(ledger: Ledger, tmp_path: Path) -> None:
    once = {"invariants": [{"effects": {"tool": "put", "at_most": 1}}]}
    with pytest.raises(InvariantBroken, match="expected at most 1, found 2"):
        await run_of(ledger, tmp_path, puts("a"), puts("b"), puts("c"), "done", contract=once).life()
    assert world(tmp_path) == ["a", "b"]


async def test_without_any_nothing_is_looked_at_or_written_down(ledger: Ledger, tmp_path: Path) -> None:
    run = run_of(ledger, tmp_path, puts("a"), "done", contract={"done_when": [{"file": {"path": "world/a"}}]})
    assert (await run.life()).loop == "finished"
    assert [step.position for step in await ledger.stored_steps("run") if step.position.startswith("contract")] == []
