"""Runs that lose their process: how soon they go on, how often, and how it ends when they always lose it."""

from __future__ import annotations

import asyncio

import psutil
from prefect.client.orchestration import get_client
from prefect.states import Cancelling

from cli.start_run import SOCKET
from midwatch.ledger import RunRow
from tasks.harness.revive import AT_ONE_STEP
from tests.flows.conftest import Night
from tests.flows.processes import child_of, nobody_runs, process_of, there
from tests.flows.scripted_model import Hold, call
from tests.flows.test_kill import APPENDER, marker

DEADLY = """
tools:
  - python: tests.flows.deadly_tools:look_and_die
  - python: tests.flows.deadly_tools:write_and_die
rules:
  allow: [look_and_die, write_and_die]
ceiling: 4
contract:
  done_when:
    - file: {path: work/never, contains: [never]}
"""

BLIND = """
tools: [{python: "tests.flows.places:append_blindly"}]
rules: {allow: [append_blindly]}
ceiling: 4
"""


async def died_of(night: Night, tool: str) -> RunRow:
    agent = night.agent(tool.replace("_", "-"), DEADLY, call(tool, agent=tool), "done")
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    return await night.ended(await night.start(agent), seconds=180)


async def test_a_run_that_always_dies_at_one_step_is_given_up_and_an_effect_is_not_even_tried_twice(
    night: Night,
) -> None:
    looked, wrote = await asyncio.gather(died_of(night, "look_and_die"), died_of(night, "write_and_die"))
    assert looked.outcome == "failed"
    assert f"its process was lost {AT_ONE_STEP} times after step `main/model/1`" in looked.reason
    assert (night.project / "work" / "look_and_die" / "lines").read_text() == "was here\n" * AT_ONE_STEP
    assert wrote.outcome == "unknown"
    assert [row.state for row in await night.ledger.effects_of(wrote.run_id)] == ["unknown"]
    assert (night.project / "work" / "write_and_die" / "lines").read_text() == "was here\n"
    (question,) = [row for row in await night.ledger.open_asks() if row.run_id == wrote.run_id]
    assert question.tool == "write_and_die"


async def test_a_run_goes_on_after_its_worker_was_asked_to_end(night: Night) -> None:
    name = "worker-asked"
    agent = night.agent(name, APPENDER, call("append_line", agent=name, line="one", hold="before"), "done")
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    run_id = await night.start(agent)
    await there(marker(night, name, "before"))
    mine, worker = process_of(run_id), child_of(night.house, "worker")
    assert worker
    worker.terminate()
    await there(lambda: not psutil.pid_exists(mine.pid))
    await nobody_runs(night.house, run_id)
    (night.project / "work" / name / "go").touch()
    assert (await night.ended(run_id)).outcome == "verified"
    assert (night.project / "work" / name / "lines").read_text() == "one\n"
    said = {row.name for row in await night.ledger.steps_of(str(run_id))}
    assert said & {"interrupted", "revived"}  # a busy machine may not leave it the time to say so itself


async def test_a_run_that_a_person_cancels_in_prefect_ends_in_the_ledger_and_its_effect_is_asked_about(
    night: Night,
) -> None:
    name = "cancelled"
    agent = night.agent(name, BLIND, call("append_blindly", agent=name, line="one", hold="before"), "done")
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    run_id = await night.start(agent)
    await there(marker(night, name, "before"))
    async with get_client() as client:
        await client.set_flow_run_state(run_id, Cancelling())
    await night.until(run_id, lambda run: bool(run.state and run.state.is_cancelled()))
    while (row := await night.ledger.run(str(run_id))) is None or row.outcome is None:  # noqa: ASYNC110  # nobody tells
        await asyncio.sleep(0.5)
    assert (row.outcome, "it was cancelled in Prefect" in row.reason) == ("unknown", True)
    assert [one.kind for one in await night.ledger.asks_of(str(run_id))] == ["settle"]


async def test_a_run_is_a_fork_of_the_warm_process_and_killed_as_any_other(night: Night) -> None:
    await there((night.house.home / SOCKET).exists)
    warm = child_of(night.house, "warm")
    assert warm
    name, before = "forked", set(warm.children())
    hold = night.script.holds[name] = Hold(turn=0)
    run_id = await night.start(night.agent(name, APPENDER, "done"))
    await there(hold.reached.is_set)
    (fork,) = set(warm.children()) - before
    process_of(run_id).kill()
    await there(lambda: not fork.is_running() or fork.status() == psutil.STATUS_ZOMBIE)
    hold.go.set()
    await night.ended(run_id)
