from __future__ import annotations

import sys
from uuid import UUID

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId
from prefect.client.schemas.sorting import TaskRunSort

from midwatch.run import Level
from tests.flows.conftest import Night
from tests.flows.scripted_model import call

WRITER = """
tools:
  - write_file: {root: work}
  - read_file: {root: work}
rules:
  allow: [write_file, read_file]
ceiling: 4
contract:
  done_when:
    - file: {path: work/out.txt, contains: [hello], newer_than_start: true}
"""


async def grant(night: Night, agent: str, level: Level) -> None:
    await night.ledger.grant_level(agent, level, by="test", because="a test")


async def step_names(run_id: UUID) -> list[str]:
    async with get_client() as client:
        mine = FlowRunFilter(id=FlowRunFilterId(any_=[run_id]))
        runs = await client.read_task_runs(flow_run_filter=mine, sort=TaskRunSort.EXPECTED_START_TIME_ASC)
    return [run.name for run in runs]


async def test_a_run_whose_contract_holds_is_verified_and_reads_as_a_story(night: Night) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    agent = night.agent("writer", WRITER, call("write_file", path="out.txt", content="hello"), "written")
    await grant(night, agent, 4)
    run_id = await night.start(agent)
    row = await night.ended(run_id)
    assert (row.outcome, row.level) == ("verified", 4)
    names = [name.partition(" (")[0] for name in await step_names(run_id)]
    wanted = ["model · turn 1", "permissions · write_file: allow", "tools · write_file", "model · turn 2"]
    assert [name for name in names if name in wanted] == wanted
    assert "monitoring · contract" in names


async def test_an_effect_at_level_3_waits_for_a_yes_and_then_happens_once(night: Night) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    (night.project / "work" / "out.txt").unlink(missing_ok=True)
    agent = night.agent("careful", WRITER, call("write_file", path="out.txt", content="hello"), "written")
    run_id = await night.start(agent)
    (ask,) = await night.waiting(run_id)
    assert not (night.project / "work" / "out.txt").exists()
    async with get_client() as client:
        await client.resume_flow_run(run_id, run_input={"decision_1": "approve"})
    row = await night.ended(run_id)
    assert row.outcome == "verified", row.reason
    effects = await night.ledger.effects_of(str(run_id))
    assert [(effect.tool, effect.state, effect.ask_id) for effect in effects] == [
        ("write_file", "consumed", ask.ask_id)
    ]
    assert night.script.count(agent) == 2


CLOCK = """
tools:
  - mcp:
      name: clock
      command: [{python}, -m, mcp_server_time]
      only: [get_current_time]
      tools: {{get_current_time: read}}
rules:
  allow: [mcp__clock__get_current_time]
contract:
  done_when:
    - command: {{argv: ["true"]}}
"""


async def test_a_real_mcp_server_s_tool_passes_the_gate_in_a_real_run(night: Night) -> None:
    asks = call("mcp__clock__get_current_time", timezone="Europe/Lisbon")
    agent = night.agent("clock", CLOCK.format(python=sys.executable), asks, "it is late")
    run_id = await night.start(agent)
    row = await night.ended(run_id)
    assert row.outcome == "verified", row.reason
    (decision,) = await night.ledger.decisions_of(str(run_id))
    assert (decision.tool, decision.verdict) == ("mcp__clock__get_current_time", "allow")
    heard = night.script.requests[-1]["messages"][-1]["content"]
    assert "Europe/Lisbon" in heard


async def test_a_second_start_of_a_slot_does_nothing_and_says_so(night: Night) -> None:
    agent = night.agent("twice", WRITER, "never asked")
    run_id = await night.start(agent)
    assert (await night.ledger.claim_slot(agent, f"run {run_id}", "another-run")).won
    run = await night.until(run_id, lambda now: bool(now.state and now.state.is_final()))
    assert run.state is not None
    assert (run.state.name, "another-run" in (run.state.message or "")) == ("Duplicate", True)
    assert night.script.count(agent) == 0


async def test_a_run_started_at_a_level_is_never_above_it(night: Night) -> None:
    agent = night.agent("reader", WRITER, call("write_file", path="out.txt", content="hello"), "done")
    await grant(night, agent, 4)
    row = await night.ended(await night.start(agent, level=2))
    assert (row.level, row.outcome) == (2, "blocked")
    assert "level 2 only reads" in row.reason
