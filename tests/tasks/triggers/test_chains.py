from __future__ import annotations

from typing import cast

import pytest

from midwatch.outcome import Outcome
from tasks.triggers.chains import Chains
from tests.tasks.triggers.outside import FakePrefect, Outside, dispatcher

FOLLOWS = """
input:
  run_id: {{type: string}}
  files: {{type: array, items: {{type: string}}}}
triggers:
  after: [{{agent: {agent}, outcomes: [verified]}}]
"""
WRITES = (
    "contract: {done_when: [{file: {path: 'out/{input.day}.md'}}, {file: {path: out/none.md}}]}\ninput: {day: {}}\n"
)


def chains(world: Outside) -> Chains:
    return Chains(agents=world.agents, ledger=world.ledger, project=world.project)


async def ended(
    world: Outside, run_id: str, agent: str = "first", outcome: Outcome = "verified", day: str = "monday"
) -> None:
    await world.ledger.start_run(
        run_id,
        agent=agent,
        cause="person",
        slot=None,
        level=3,
        asked_level=None,
        input={"day": day},
        fingerprint="f",
        started_at=world.now,
    )
    await world.ledger.finish_run(run_id, outcome=outcome, reason="r")


async def test_a_run_that_ended_as_awaited_starts_the_next_agent_with_what_it_left(world: Outside) -> None:
    world.agent("first", WRITES)
    world.agent("second", FOLLOWS.format(agent="first"))
    (world.project / "out").mkdir()
    (world.project / "out" / "monday.md").write_text("x")
    following, prefect = chains(world), FakePrefect()
    await following.look()
    await ended(world, "run-1")
    await ended(world, "run-2", outcome="failed")
    (line,) = await following.look()
    await dispatcher(world, prefect).one_round(world.now)
    assert "run-1" in line
    assert prefect.inputs() == [{"run_id": "run-1", "files": ["out/monday.md"]}]
    (row,) = await world.ledger.arrivals()
    assert row.parent_run == "run-1"


@pytest.mark.parametrize("day", ["x" * 300, "a\0b", "../../outside"])
async def test_a_file_is_handed_on_only_from_within_the_project_whatever_its_name(world: Outside, day: str) -> None:
    world.agent("first", WRITES)
    world.agent("second", FOLLOWS.format(agent="first"))
    (world.project / "out").mkdir()
    (world.project.parent / "outside.md").write_text("x")
    following = chains(world)
    await following.look()
    await ended(world, "run-1", day=day)
    await following.look()
    (row,) = await world.ledger.arrivals()
    assert row.input == {"run_id": "run-1", "files": []}


async def test_a_chain_that_cannot_be_followed_keeps_no_other_waiting_and_is_said_once(world: Outside) -> None:
    for name in ("second", "third"):
        world.agent(name, FOLLOWS.format(agent="first"))
    following = chains(world)
    await following.look()
    following._marks["second", "after first"] = cast(int, None)
    await ended(world, "run-1")
    said = [*await following.look(), *await following.look()]
    assert [line.partition(":")[0] for line in said] == ["second cannot be started after first", "received"]


@pytest.mark.parametrize("anew", [True, False])
@pytest.mark.parametrize("without", ["", None, "ring"])
async def test_a_chain_that_was_taken_out_and_put_back_begins_with_the_next_end(
    world: Outside, anew: bool, without: str | None
) -> None:
    def restored() -> None:
        world.agent("first", "")
        world.agent("second", FOLLOWS.format(agent="first"))

    restored()
    following = chains(world)
    await following.look()
    if without is None:
        (world.project / "agents" / "second.yaml").unlink()
    elif without == "ring":
        world.agent("first", FOLLOWS.format(agent="second"))
    else:
        world.agent("second", without)
    following = chains(world) if anew else following
    await following.look()
    await ended(world, "run-1")
    restored()
    assert await following.look() == []
    await ended(world, "run-2")
    (line,) = await following.look()
    assert "run-2" in line


async def test_while_a_file_is_wrong_no_end_is_missed(world: Outside) -> None:
    world.agent("second", FOLLOWS.format(agent="first"))
    await chains(world).look()
    world.agent("second", "tools: [nonsense")
    await chains(world).look()
    await ended(world, "run-1")
    world.agent("second", FOLLOWS.format(agent="first"))
    (line,) = await chains(world).look()
    assert "run-1" in line


async def test_what_a_run_left_is_handed_on_once_its_agent_s_file_can_be_read(world: Outside) -> None:
    world.agent("first", WRITES)
    world.agent("second", FOLLOWS.format(agent="first"))
    world.agent("third", FOLLOWS.format(agent="first").replace("  files: {type: array, items: {type: string}}\n", ""))
    (world.project / "out").mkdir()
    (world.project / "out" / "monday.md").write_text("x")
    following = chains(world)
    await following.look()
    world.agent("first", "tools: [nonsense")
    await ended(world, "run-1")
    said, again = await following.look(), await following.look()
    assert [line.partition(":")[0] for line in said] == ["second cannot be started after first", "received"]
    assert again == []
    world.agent("first", WRITES)
    (line,) = await following.look()
    assert line.startswith("received: second")
    assert {"run_id": "run-1", "files": ["out/monday.md"]} in [row.input for row in await world.ledger.arrivals()]


async def test_killed_anywhere_no_end_is_missed_and_none_is_followed_twice(world: Outside) -> None:
    world.agent("second", FOLLOWS.format(agent="first"))
    await chains(world).look()
    await ended(world, "run-1")
    await chains(world).look()  # another process, which had not moved the mark when it was killed
    mark = await world.ledger.chain_mark("second", "after first")
    again = chains(world)
    again._marks["second", "after first"] = 0
    await again.look()
    await ended(world, "run-2")
    await chains(world).look()
    assert sorted(row.delivery for row in await world.ledger.arrivals()) == ["run-1", "run-2"]
    assert mark > 0


async def test_agents_that_follow_each_other_are_not_started_and_it_is_said_once(world: Outside) -> None:
    world.agent("first", FOLLOWS.format(agent="second"))
    world.agent("second", FOLLOWS.format(agent="first"))
    world.agent("third", FOLLOWS.format(agent="first"))
    following = chains(world)
    said = await following.look()
    await ended(world, "run-1")
    assert sorted(said) == [
        "first is started by no other agent: first -> second -> first would never end",
        "second is started by no other agent: second -> first -> second would never end",
    ]
    (line,) = await following.look()
    assert line.startswith("received: third after run run-1")
