"""Row 8. Suspending or cancelling a run did not stop the work in progress.

Here: after a halt no further effect happens, even by work that is already under way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.flows import processes
from tests.flows.conftest import Night
from tests.flows.processes import there
from tests.flows.scripted_model import Calls, Hold, call
from tests.incidents.typed import midwatch

APPENDER = """
tools:
  - python: tests.flows.places:append_line
rules: {allow: [append_line]}
ceiling: 4
contract:
  done_when:
    - python: tests.flows.places:one_line
"""
TURN = """
tools:
  - python: tests.incidents.world:append_and_halt
rules: {allow: [append_and_halt]}
ceiling: 4
contract:
  done_when:
    - effects: {tool: append_and_halt, equals: 1}
"""
AGENT = "stopped"


@pytest.fixture
async def halted_once(night: Night) -> AsyncIterator[None]:
    """Whatever is halted is let go of again."""
    yield
    await midwatch("resume", AGENT)


@pytest.mark.usefixtures("halted_once")
async def test_after_a_halt_nothing_more_happens_whatever_is_under_way(night: Night) -> None:
    one, two, three = (
        call("append_line", agent=AGENT, line=line, hold=hold)
        for line, hold in (("one", "nowhere"), ("two", "before"), ("three", "nowhere"))
    )
    night.agent(AGENT, APPENDER, one, two, three, "done")
    await night.ledger.grant_level(AGENT, 4, by="test", because="a test")
    run_id = await night.start(AGENT)
    world = night.project / "work" / AGENT
    await there((world / "at-before").exists)  # the second effect is under way
    code, printed = await midwatch("halt", AGENT, "--because", "stop")
    assert code == 0, printed
    (world / "go").touch()  # nothing but the halt keeps it back now
    await processes.nobody_runs(night.house, run_id)
    row = await night.ended(run_id)
    assert row.outcome in ("blocked", "unknown"), row.reason
    assert (world / "lines").read_text() == "one\n"
    assert night.script.count(AGENT) == 2


async def test_a_halt_between_two_effects_lets_the_second_one_not_begin(night: Night) -> None:
    name = "stopped-between"
    calls = (call("append_line", agent=name, line=line, hold="nowhere") for line in ("one", "two"))
    night.agent(name, APPENDER, *calls, "done")
    hold = night.script.holds[name] = Hold(turn=1)
    await night.ledger.grant_level(name, 4, by="test", because="a test")
    run_id = await night.start(name)
    await there(hold.reached.is_set)
    try:
        code, printed = await midwatch("halt", name, "--because", "stop")
        assert code == 0, printed
        hold.go.set()
        row = await night.ended(run_id)
    finally:
        await midwatch("resume", name)
    assert (row.outcome, "stop" in row.reason) == ("blocked", True), row.reason
    assert (night.project / "work" / name / "lines").read_text() == "one\n"


async def test_a_halt_between_two_calls_of_one_turn_lets_only_the_first_one_begin(night: Night) -> None:
    name = "stopped-in-its-turn"
    calls = [("append_and_halt", {"line": line}) for line in ("one", "two")]
    night.agent(name, TURN, Calls(calls), "done")
    await night.ledger.grant_level(name, 4, by="test", because="a test")
    try:
        row = await night.ended(await night.start(name))
    finally:
        await midwatch("resume", name)
    assert row.outcome in ("blocked", "unknown"), row.reason
    lines = (night.project / "work" / name / "lines").read_text().splitlines()
    assert len(lines) == 1, lines
