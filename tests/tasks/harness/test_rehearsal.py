"""Rehearsals: what would be done is staged, and done once, when a person has said yes to exactly that."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from midwatch.ask_context import Preview
from midwatch.calls import parse_call
from midwatch.decision import Decision
from midwatch.errors import LedgerError, MidwatchError
from midwatch.ledger import Decided, Ledger, StagedRow
from midwatch.risk import Risk, ToolFacts, tool
from midwatch.run import RunFacts
from tasks.harness.record import LedgerRecorder
from tasks.permissions.cleared import ClearedCall, GateState
from tests.tasks.harness.cuttable import CUT, LOOK, PUT, WORLD, put, reach
from tests.tasks.harness.lives import Cut, Run, Script, text_of


async def so_far(_: RunFacts, args: Mapping[str, Any]) -> Preview:
    return Preview(label=str(args["what"]), text=f"after {len(WORLD)}")


@tool(risk="write", idempotent=True, preview=so_far)
async def keep(what: str) -> str:
    """Keep it, beside all that was kept before."""
    WORLD.append(f"keep {what}")
    reach(f"after keep {what}")
    return "kept"


@tool(risk="note")
async def jot(what: str) -> str:
    """Write a note."""
    WORLD.append(f"jot {what}")
    return "noted"


@tool(risk="write")
async def file_away(what: str, item: str) -> str:
    """File it away."""
    WORLD.append(f"{item}: {what}")
    return "filed"


TOOLS: list[Any] = [LOOK, PUT, {"python": f"{__name__}:jot"}, "ask_human"]
RULES: dict[str, list[Any]] = {
    "allow": ["look", "jot", {"put": {"what": "a"}}],
    "ask": [{"put": {"what": "b"}}],
    "deny": [{"put": {"what": "fire"}}],
}


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    WORLD.clear()
    CUT.clear()
    for run_id, shadow in (("night", True), ("morning", False), ("noon", False)):
        facts: dict[str, Any] = {"agent": "a", "cause": "person", "slot": None, "level": 4, "asked_level": None}
        now = datetime.now(UTC)
        await ledger.start_run(run_id, **facts, input={}, fingerprint="f", started_at=now, shadow=shadow)
    return ledger


@pytest.fixture
def rehearse(ledger: Ledger, tmp_path: Path) -> Callable[..., Run]:
    def made(*turns: Any, **fields: Any) -> Run:
        given: dict[str, Any] = {"tools": TOOLS, "rules": RULES, "run_id": "night", "shadow": True, **fields}
        return Run(ledger=ledger, project=tmp_path, script=Script(list(turns)), **given)

    return made


def calls(*named: str) -> list[tuple[str, dict[str, Any]]]:
    """`put a` as a call."""
    return [(tool, {"what": what}) for tool, _, what in (one.partition(" ") for one in named)]


async def approved(ledger: Ledger, *tools: str) -> list[StagedRow]:
    """The night is over, and a person says yes; to calls of these tools alone, where there are some."""
    await ledger.finish_run("night", outcome="rehearsed", reason="staged")
    rows = [row for row in await ledger.staged_of("night") if not tools or row.tool in tools]
    seen = {row.staged_id: row.digest for row in rows}
    return await ledger.approve_staged("night", seen, by="anna", via="cli", because="as it should be")


def execution(of: Run, run_id: str = "morning", **changes: Any) -> Run:
    """The run that executes what `of` has staged; its script is never asked."""
    return replace(of, run_id=run_id, shadow=False, staged="night", level=3, script=Script([]), **changes)


async def states(ledger: Ledger) -> list[tuple[str, str]]:
    return [(row.args_json.partition(":")[2].strip('"}'), row.state) for row in await ledger.staged_of("night")]


async def test_a_rehearsal_looks_and_does_nothing_else(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    run = rehearse(calls("look x", "put a"), calls("put b"), calls("jot n"), "done")
    assert (await run.life()).loop == "finished"
    assert WORLD == ["look x"]
    assert [(row.tool, row.verdict, row.risk) for row in await ledger.staged_of("night")] == [
        ("put", "allow", "write"),
        ("put", "ask", "write"),
        ("jot", "allow", "note"),
    ]
    assert await ledger.effects_of("night") == []


async def test_the_model_hears_that_it_was_not_done(rehearse: Callable[..., Run]) -> None:
    run = rehearse(calls("put a"), "done")
    await run.life()
    assert "rehearsal. The call was staged and not executed" in text_of(run.script.heard[-1])


async def test_what_is_denied_is_denied_in_a_rehearsal_too(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    run = rehearse(calls("put fire"), "done")
    ending = await run.life()
    assert ([refusal.by for refusal in ending.refusals], await ledger.staged_of("night")) == (["rule"], [])
    assert "Denied by" in text_of(run.script.heard[-1])


async def test_nobody_is_asked_anything(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    run = rehearse(calls("put b"), [("ask_human", {"question": "May I?"})], "done")
    assert (await run.life()).loop == "finished"
    assert await ledger.asks_of("night") == []
    assert "in which nobody is asked" in text_of(run.script.heard[-1])


@pytest.mark.parametrize("level", [3, 4, 5])
async def test_at_any_level_that_may_act_the_same_is_staged(
    rehearse: Callable[..., Run], ledger: Ledger, level: int
) -> None:
    await rehearse(calls("put a", "put b"), "done", level=level).life()
    assert (sorted(await states(ledger)), WORLD) == ([("a", "staged"), ("b", "staged")], [])


async def test_a_rehearsal_that_was_cut_off_stages_nothing_twice(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    run = rehearse(calls("put a", "put b", "look x"), "done")
    CUT.add("in look x")
    with pytest.raises(Cut):
        await run.life()
    await run.life()
    assert [state for _, state in await states(ledger)] == ["staged", "staged"]


async def test_no_effect_begins_in_a_rehearsal_whoever_asks_for_it(
    rehearse: Callable[..., Run], ledger: Ledger
) -> None:
    await rehearse(calls("put a"), "done").life()
    with pytest.raises(LedgerError, match="is a rehearsal"):
        await ledger.reserve("night", "main/x", digest="d", tool="put", args_json="{}", idempotency_key="k")
    assert await ledger.effects_of("night") == []


@pytest.mark.parametrize("risk", ["note", "write", "execute"])
async def test_a_call_that_was_cleared_all_the_same_is_not_made(rehearse: Callable[..., Run], risk: Risk) -> None:
    async with rehearse().prepared() as prepared:
        call, allowed = parse_call("put", '{"what": "a"}'), Decision(verdict="allow", rule="r", reason="")
        decided = Decided(position="main/gate/c", tool="put", args_json="{}", digest="d", decision=allowed)
        cleared = ClearedCall(call=call, digest="d", facts=ToolFacts(risk=risk), decided=decided, ask_id=None)
        recorder = LedgerRecorder(
            conversation="main",
            facts=prepared.facts,
            ledger=prepared.ledger,
            budget=prepared.budget,
            gate=GateState(cleared={"c": cleared}),
            labels=prepared.labels,
        )
        with pytest.raises(MidwatchError, match="without passing the gate"):
            await recorder.tool_call("main/tool/c", "c", "put", lambda: put("a"))
    assert WORLD == []


async def test_what_was_approved_is_done_once_on_that_yes(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    night = rehearse(calls("look x", "put a"), calls("put b"), calls("jot n"), "done")
    await night.life()
    await approved(ledger)
    assert (await execution(night).life()).loop == "finished"
    assert WORLD == ["look x", "put a", "put b", "jot n"]
    await ledger.finish_run("morning", outcome="unverified", reason="done")
    effects, asked = await ledger.effects_of("morning"), await ledger.asks_of("morning")
    assert [effect.ask_id for effect in effects] == [ask.ask_id for ask in asked]
    assert [(ask.verdict, ask.by, ask.spent_at is not None) for ask in asked] == [("approved", "anna", True)] * 3
    assert await states(ledger) == [("a", "executed"), ("b", "executed"), ("n", "executed")]


async def test_a_yes_to_some_is_none_to_the_others(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    night = rehearse(calls("put a", "jot n"), "done")
    await night.life()
    await approved(ledger, "jot")
    await execution(night).life()
    assert WORLD == ["jot n"]


async def test_what_one_run_has_taken_no_other_executes(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    night = rehearse(calls("put a"), "done")
    await night.life()
    await approved(ledger)
    async with execution(night).prepared():
        pass
    await execution(night, "noon").life()
    assert WORLD == []
    await execution(night).life()
    assert WORLD == ["put a"]


@pytest.mark.parametrize("place", ["before put a", "after put a", "before put b", "after put b"])
async def test_an_execution_that_was_cut_off_does_nothing_twice(
    rehearse: Callable[..., Run], ledger: Ledger, place: str
) -> None:
    night = rehearse(calls("put a", "put b"), "done")
    await night.life()
    await approved(ledger)
    CUT.add(place)
    with pytest.raises(Cut):
        await execution(night).life()
    await execution(night).life()
    assert [effect.attempts for effect in await ledger.effects_of("morning")] == [1, 1]
    assert set(WORLD) == {"put a", "put b"}
    assert WORLD.count("put b") == (
        2 if place == "after put b" else 1
    )  # it declares itself idempotent, and is repeated


async def test_what_an_execution_has_changed_itself_does_not_make_its_call_stale(
    rehearse: Callable[..., Run], ledger: Ledger
) -> None:
    fields: dict[str, Any] = {"tools": [{"python": f"{__name__}:keep"}], "rules": {"allow": ["keep"]}}
    night = rehearse(calls("keep a"), "done", **fields)
    await night.life()
    await approved(ledger)
    CUT.add("after keep a")
    with pytest.raises(Cut):
        await execution(night).life()
    ending = await execution(night).life()
    assert (ending.refusals, [effect.state for effect in await ledger.effects_of("morning")]) == ((), ["consumed"])


async def test_under_other_rules_what_was_staged_is_stale(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    night = rehearse(calls("put a"), "done")
    await night.life()
    await approved(ledger)
    ending = await execution(night, rules={**RULES, "allow": ["look"]}).life()
    assert (WORLD, [refusal.why.partition(":")[0] for refusal in ending.refusals]) == ([], ["stale"])
    await ledger.finish_run("morning", outcome="blocked", reason="stale")
    assert await states(ledger) == [("a", "stale")]


async def test_what_a_rule_denies_by_now_is_not_done(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    night = rehearse(calls("put a"), "done")
    await night.life()
    await approved(ledger)
    ending = await execution(night, rules={**RULES, "deny": ["put"]}).life()
    assert (WORLD, [refusal.why.partition(":")[0] for refusal in ending.refusals]) == ([], ["deny.put"])


async def test_a_file_that_changed_in_the_meantime_is_not_written_over(
    rehearse: Callable[..., Run], ledger: Ledger, tmp_path: Path
) -> None:
    (tmp_path / "work").mkdir()
    for name in ("one", "two"):
        (tmp_path / "work" / name).write_text("as it was\n")
    writes = [("write_file", {"path": name, "content": "new\n"}) for name in ("one", "two")]
    fields: dict[str, Any] = {"tools": [{"write_file": {"root": "work"}}], "rules": {"allow": ["write_file"]}}
    night = rehearse(writes, "done", **fields)
    await night.life()
    await approved(ledger)
    (tmp_path / "work" / "one").write_text("somebody else's\n")
    await execution(night).life()
    await ledger.finish_run("morning", outcome="blocked", reason="stale")
    assert [(tmp_path / "work" / name).read_text() for name in ("one", "two")] == ["somebody else's\n", "new\n"]
    became = {json.loads(row.args_json)["path"]: row.state for row in await ledger.staged_of("night")}
    assert became == {"one": "stale", "two": "executed"}


async def test_a_tool_that_is_not_there_any_more_makes_its_calls_stale(
    rehearse: Callable[..., Run], ledger: Ledger
) -> None:
    night = rehearse(calls("put a"), "done")
    await night.life()
    await approved(ledger)
    ending = await execution(night, tools=TOOLS[:1], rules={"allow": ["look"]}).life()
    assert (ending.loop, WORLD) == ("finished", [])
    await ledger.finish_run("morning", outcome="unverified", reason="")
    assert await states(ledger) == [("a", "stale")]


async def test_what_an_execution_never_came_to_can_be_approved_again(
    rehearse: Callable[..., Run], ledger: Ledger
) -> None:
    night = rehearse(calls("put a"), "done")
    await night.life()
    await approved(ledger)
    async with execution(night).prepared():
        pass
    await ledger.finish_run("morning", outcome="blocked", reason="halted", ending="halted")
    assert await states(ledger) == [("a", "staged")]
    rows = {row.staged_id: row.digest for row in await ledger.staged_of("night")}
    await ledger.approve_staged("night", rows, by="anna", via="cli", because="again")
    await execution(night, "noon").life()
    assert WORLD == ["put a"]


async def test_each_item_is_done_as_it_was_rehearsed(
    rehearse: Callable[..., Run], ledger: Ledger, tmp_path: Path
) -> None:
    for name in ("1.eml", "2.eml"):
        (tmp_path / name).touch()
    fields: dict[str, Any] = {
        "tools": [{"python": f"{__name__}:file_away", "bind": {"item": "{item}"}}],
        "rules": {"allow": ["file_away"]},
        "fields": {"for_each": {"files": "*.eml"}},
    }
    night = rehearse(calls("file_away bills"), "done", **fields)
    await night.life()
    await approved(ledger)
    (tmp_path / "0.eml").touch()
    await execution(night).life()
    assert WORLD == ["1.eml: bills", "2.eml: bills"]


async def test_an_execution_can_be_no_rehearsal(rehearse: Callable[..., Run], ledger: Ledger) -> None:
    night = rehearse(calls("put a"), "done")
    await night.life()
    await approved(ledger)
    with pytest.raises(MidwatchError, match="cannot carry out"):
        await replace(execution(night), run_id="night", shadow=True).life()
