"""Halts in a real house: a command that hangs, a run that waits, a new run, the flow for automations and the self-test."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import psutil
import pytest
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State

from flows.halt import halt
from flows.halt_check import halt_check
from midwatch.halt import CHECKED_AGENT, Target
from tasks.harness.lock import processes_of
from tasks.permissions.halting import lift, set_halt
from tasks.permissions.latch import Latch
from tests.flows.conftest import Night
from tests.flows.processes import there
from tests.flows.scripted_model import call

SHELL = """
tools:
  - shell: {root: work}
rules:
  allow: [shell]
ceiling: 4
"""
WRITER = """
tools:
  - write_file: {root: work}
rules:
  ask: [write_file]
ceiling: 4
"""
PLAIN = """
tools: [{python: "tests.flows.threaded_tools:tell_everybody"}]
rules: {allow: [tell_everybody]}
ceiling: 4
"""
SAID = {"by": "anna", "via": "cli", "because": "it spends"}


@pytest.fixture
def halted(night: Night) -> Iterator[list[Target]]:
    """Whom a test has halted, on disk; taken away in the end."""
    targets: list[Target] = []
    yield targets
    for target in targets:
        Latch(night.house.home).lift(target)


async def stop(night: Night, target: Target, halted: list[Target]) -> None:
    halted.append(target)
    done = await set_halt(night.house.home, night.ledger, target, **SAID, now=datetime.now(UTC))
    assert done.faults == ()


async def free(night: Night, target: Target) -> None:
    await lift(night.house.home, night.ledger, target, by="anna", via="cli")


def sleeping(seconds: str) -> list[psutil.Process]:
    """Processes of `sleep SECONDS`; nobody else sleeps so long."""
    found = []
    for process in psutil.process_iter():
        try:
            if seconds in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found


async def test_a_command_that_hangs_is_ended_with_its_run_and_nothing_of_it_stays(
    night: Night, halted: list[Target]
) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    agent = night.agent("hanging", SHELL, call("shell", command="sleep 86311", timeout=600), "done")
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    run_id = await night.start(agent)
    await there(lambda: bool(sleeping("86311")))
    began = time.monotonic()
    await stop(night, Target.of(agent), halted)
    await there(lambda: not sleeping("86311"))
    assert time.monotonic() - began < 10  # on a busy machine; it looks five times a second
    await free(night, Target.of(agent))
    row = await night.ended(run_id)
    assert row.outcome == "unknown"
    (effect,) = await night.ledger.effects_of(str(run_id))
    assert (effect.state, night.script.count(agent)) == ("unknown", 1)
    (ask,) = [one for one in await night.ledger.asks_of(str(run_id)) if one.kind == "settle"]
    assert ask.verdict is None


async def test_a_plain_function_ends_with_its_run_and_not_after_prefect_was_told(
    night: Night, halted: list[Target]
) -> None:
    agent = night.agent("chatty", PLAIN, call("tell_everybody", agent="chatty"), "done")
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    run_id, lines = await night.start(agent), night.project / "work" / agent / "lines"
    await there(lines.exists)
    await stop(night, Target.of(agent), halted)
    await there(lambda: not processes_of(str(run_id)))
    row = await night.ledger.run(str(run_id))
    assert row is not None
    assert (row.outcome, row.finished_at is not None) == ("unknown", True)
    assert lines.stat().st_mtime - row.finished_at.timestamp() < 1  # type: ignore[union-attr]  # one line above
    assert (await night.ended(run_id)).outcome == "unknown"
    await free(night, Target.of(agent))


async def test_a_run_that_waits_stays_suspended_and_its_yes_is_not_lost_silently(
    night: Night, halted: list[Target]
) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    agent = night.agent("patient", WRITER, call("write_file", path="late.txt", content="hello"), "written")
    run_id = await night.start(agent)
    await night.waiting(run_id)
    await stop(night, Target.of(agent), halted)
    async with get_client() as client:
        state = (await client.read_flow_run(run_id)).state
        assert state is not None
        assert state.is_paused()
        await client.resume_flow_run(run_id, run_input={"decision_1": "approve"})
    row = await night.ended(run_id)
    assert (row.outcome, (night.project / "work" / "late.txt").exists()) == ("blocked", False)
    assert "agent patient was halted by anna (cli)" in row.reason
    await free(night, Target.of(agent))


async def test_a_yes_in_the_ledger_is_named_when_the_run_meets_the_latch(night: Night, halted: list[Target]) -> None:
    (night.project / "work").mkdir(exist_ok=True)
    agent = night.agent("granted", WRITER, call("write_file", path="later.txt", content="hello"), "written")
    run_id = await night.start(agent)
    (ask,) = await night.waiting(run_id)
    await stop(night, Target.of(agent), halted)
    await night.ledger.decide_ask(ask.ask_id, "approved", by="ben", via="cli", digest_seen=ask.digest)
    row = await night.ended(run_id)
    assert row.outcome == "blocked"
    assert "Approved and not done: write_file" in row.reason
    assert "(ben said yes)" in row.reason
    await free(night, Target.of(agent))


async def test_a_new_run_of_a_halted_agent_asks_no_model(night: Night, halted: list[Target]) -> None:
    agent = night.agent("eager", SHELL, call("shell", command="true"), "done")
    await stop(night, Target.of(agent), halted)
    row = await night.ended(await night.start(agent))
    assert (row.outcome, night.script.count(agent)) == ("blocked", 0)
    assert row.reason.startswith("agent eager was halted by anna (cli)")
    await free(night, Target.of(agent))


async def state_of(flow: Any, **parameters: Any) -> State[Any]:
    state: State[Any] = await flow(**parameters, return_state=True)
    return state


async def test_an_automation_halts_by_the_flow(night: Night, halted: list[Target], monkeypatch: Any) -> None:
    monkeypatch.setenv("MIDWATCH_HOME", str(night.house.home))
    monkeypatch.setenv("MIDWATCH_PROJECT", str(night.project))
    halted.append(Target.of(night.agent("automated", SHELL)))
    state = await state_of(halt, because="it fails again and again", agent="automated")
    assert state.is_completed(), state.message
    (found,) = [one for one in await night.ledger.halts_in_force() if one.name == "automated"]
    assert (found.via, found.because) == ("automation", "it fails again and again")
    assert Latch(night.house.home).at(Target.of("automated"))
    await free(night, Target.of("automated"))


async def test_the_self_test_holds_in_its_flow_and_halts_nobody(night: Night, monkeypatch: Any) -> None:
    monkeypatch.setenv("MIDWATCH_HOME", str(night.house.home))
    state = await state_of(halt_check)
    assert state.is_completed(), state.message
    seen = await night.ledger.latest_halt_check()
    assert seen is not None
    assert seen.held
    assert [one for one in await night.ledger.halts_in_force() if one.name == CHECKED_AGENT] == []


async def test_a_latch_that_does_not_hold_fails_the_flow_aloud(night: Night, monkeypatch: Any) -> None:
    monkeypatch.setenv("MIDWATCH_HOME", str(night.house.home))
    monkeypatch.setattr(Latch, "on", lambda *_: None)
    state = await state_of(halt_check)
    assert (state.is_failed(), state.name) == (True, "Does not hold")
    assert "THE HALT LATCH DOES NOT HOLD: AN EFFECT PASSED although the latch on disk was set" in str(state.message)
