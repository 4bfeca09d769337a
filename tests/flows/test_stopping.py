"""Stopping in real flows: at a limit, in a loop, asked about and let go on; never green because of it."""

from __future__ import annotations

from typing import Any

from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from prefect.client.schemas.objects import FlowRun

from midwatch.ledger import RunRow
from tests.flows.conftest import Night
from tests.flows.scripted_model import call

FILES = """
tools:
  - write_file: {root: work}
  - list_dir: {root: work}
rules:
  allow: [write_file, list_dir]
ceiling: 4
contract:
  done_when:
    - file: {path: work/stopping.txt, newer_than_start: true}
"""


async def report_of(row: RunRow) -> str:
    async with get_client() as client:
        mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[row.run_id]))
        (artifact,) = await client.read_artifacts(artifact_filter=mine)
    return str(artifact.data)


async def allowed(night: Night, agent: str) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    await night.ledger.grant_level(agent, 4, by="test", because="a test")


def suspended(run: FlowRun) -> bool:
    return bool(run.state and run.state.is_paused())


async def test_a_run_at_its_limit_of_steps_is_blocked_whatever_it_has_done(night: Night) -> None:
    agent = night.agent(
        "stops-at-steps",
        FILES + "limits: {steps: 3}\n",
        *[call("write_file", path="stopping.txt", content=str(number)) for number in range(9)],
    )
    await allowed(night, agent)
    row = await night.ended(await night.start(agent))
    assert (row.outcome, row.reason) == (
        "blocked",
        "out of budget: 3 of 3 steps used in this run; raise `limits.steps` in the agent's file, or give it less to do",
    )
    assert night.script.count(agent) == 3
    report = await report_of(row)
    assert "## Where it was stopped" in report
    assert "write_file: 3 effects" in report
    assert "Its own words, to whoever goes on" not in report


async def test_where_a_step_is_left_the_model_hands_over_without_tools(night: Night) -> None:
    agent = night.agent(
        "stops-at-effects",
        FILES + "limits: {effects: 1}\n",
        call("write_file", path="stopping.txt", content="1"),
        call("write_file", path="stopping.txt", content="2"),
    )
    await allowed(night, agent)
    night.script.turns[f"{agent} hand over"] = []
    row = await night.ended(await night.start(agent))
    assert row.outcome == "blocked"
    assert row.reason.startswith("out of budget: 1 of 1 effects used in this run")
    assert (night.project / "work" / "stopping.txt").read_text() == "1"
    last = night.script.asked_of(agent)[-1].body
    assert "tools" not in last
    assert "Why it was stopped" in str(last["messages"])
    steps = await night.ledger.steps_of(row.run_id)
    assert [step.name for step in steps if step.position == "hand-over"] == ["hand-over"]


async def looping(night: Night, name: str) -> Any:
    agent = night.agent(name, FILES, *[call("list_dir", path=".") for _ in range(30)])
    await allowed(night, agent)
    run_id = await night.start(agent)
    (ask,) = await night.waiting(run_id)
    assert (ask.kind, ask.rule) == ("answer", "monitors.loop")
    assert night.script.count(agent) == 6
    return run_id, ask


async def test_a_loop_is_asked_about_and_ends_where_a_person_says_so(night: Night) -> None:
    run_id, ask = await looping(night, "loops-and-ends")
    async with get_client() as client:
        await client.resume_flow_run(
            run_id, run_input={"decision_1": "answer", "choice_1": "end the run", "answer_1": ""}
        )
    row = await night.ended(run_id)
    assert row.outcome == "blocked"
    assert "repeats itself: 6 times in a row" in row.reason
    assert "prefect-ui ended it: end the run" in row.reason
    assert (await night.ledger.ask(ask.ask_id)).verdict == "answered"


async def test_a_loop_that_a_person_lets_go_on_hears_their_words(night: Night) -> None:
    run_id, ask = await looping(night, "loops-and-goes-on")
    night.script.turns["loops-and-goes-on"] = [
        *[call("list_dir", path=".") for _ in range(6)],
        call("write_file", path="stopping.txt", content="there"),
        "done",
    ]
    await night.ledger.decide_ask(
        ask.ask_id, "answered", by="ann", via="cli", answer="go on, and write the file this time"
    )
    row = await night.ended(run_id)
    assert row.outcome == "verified", row.reason
    heard = str(night.script.asked_of("loops-and-goes-on")[-2].body["messages"])
    assert "A person was asked about it, and says: go on, and write the file this time" in heard
    assert len(await night.ledger.past_traits("loops-and-goes-on", row.fingerprint)) == 1
