"""Row 3. A scheduled run met a prompt that nobody could answer, hung for ever and could not be stopped.

Here: it suspends, is asked about, expires at its deadline and fails closed; and a halt ends it in seconds at any time.
"""

from __future__ import annotations

import time

from tests.flows import processes
from tests.flows.conftest import Night
from tests.flows.processes import there
from tests.flows.scripted_model import call
from tests.incidents.typed import midwatch

ASKS = """
tools:
  - write_file: {root: work}
rules: {ask: [write_file]}
escalation: {deadline_minutes: 0.1}
contract:
  done_when:
    - file: {path: work/unasked.txt}
"""
HANGS = """
tools:
  - python: tests.flows.places:append_line
rules: {allow: [append_line]}
ceiling: 4
contract:
  done_when:
    - python: tests.flows.places:one_line
"""
SECONDS = 10.0
"""Until a halt must have ended a run that hangs, on a machine that has others to look after."""


async def test_it_is_asked_about_and_silence_at_the_deadline_is_a_no(night: Night) -> None:
    agent = night.agent("prompt", ASKS, call("write_file", path="unasked.txt", content="x"), "done")
    run_id = await night.start(agent)
    row = await night.ended(run_id)
    assert row.outcome == "blocked", row.reason
    assert "was not answered in time" in row.reason
    (ask,) = await night.ledger.asks_of(str(run_id))
    assert (ask.tool, ask.verdict) == ("write_file", "expired")
    assert await night.ledger.effects_of(str(run_id)) == []
    assert not (night.project / "work" / "unasked.txt").exists()


async def test_a_halt_ends_it_in_seconds_while_it_hangs(night: Night) -> None:
    agent = night.agent("hangs", HANGS, call("append_line", agent="hangs", line="one", hold="before"), "done")
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    run_id = await night.start(agent)
    await there((night.project / "work" / agent / "at-before").exists)
    code, printed = await midwatch("halt", agent, "--because", "it hangs")
    try:
        assert code == 0, printed
        began = time.monotonic()
        await processes.nobody_runs(night.house, run_id)
        assert time.monotonic() - began < SECONDS
        row = await night.ended(run_id)
        assert row.outcome in ("blocked", "unknown"), row.reason
        assert not (night.project / "work" / agent / "lines").exists()
    finally:
        await midwatch("resume", agent)
