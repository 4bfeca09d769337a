"""Row 6. A job stood in "running" for 12.7 hours; the watchdog never fired.

Here: the stall is detected within its limit, the run is ended, and somebody is told.
"""

from __future__ import annotations

from dataclasses import dataclass

from tasks.harness.stalled import GRACE_MINUTES, StalledRuns
from tests.flows import processes
from tests.flows.conftest import Night
from tests.flows.processes import there
from tests.flows.scripted_model import call
from tests.incidents.typed import Reader

STANDS = """
tools:
  - python: tests.flows.faulty_tools:{tool}
rules: {{allow: [{tool}]}}
ceiling: 4
monitors: {{stall: {{minutes: {minutes}}}}}
contract:
  done_when:
    - file: {{path: work/never.txt}}
"""
MINUTES = 0.05


@dataclass
class Clock:
    """A clock that the test moves on."""

    minutes: float = 0

    def __call__(self) -> float:
        return 60 * self.minutes


async def test_a_step_that_never_comes_back_is_cut_off_and_told(night: Night) -> None:
    agent = night.agent("stands", STANDS.format(tool="hang_in_reading", minutes=MINUTES), call("hang_in_reading"))
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    reader = Reader("reader of what stands", agent, night.ledger)
    await reader.round()
    row = await night.ended(await night.start(agent))
    said = "no step was finished for 0.05 minutes, and `hang_in_reading` was cut off"
    assert (row.outcome, row.reason) == ("blocked", said)
    await reader.round()
    (notice,) = reader.sent
    assert f"{agent} ended blocked" in notice


async def test_a_process_that_can_do_nothing_any_more_is_ended_from_outside_and_told(night: Night) -> None:
    agent = night.agent("stands-deaf", STANDS.format(tool="hold_the_loop", minutes=MINUTES), call("hold_the_loop"))
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    reader = Reader("reader of what is deaf", agent, night.ledger)
    await reader.round()
    run_id = await night.start(agent)
    await there((night.project / "work" / agent / "held").exists)
    keeper, locks = StalledRuns(clock=(clock := Clock())), night.house.home / "locks"
    assert await keeper.end(night.ledger, locks) == []
    clock.minutes = GRACE_MINUTES
    assert await keeper.end(night.ledger, locks) == []
    clock.minutes = GRACE_MINUTES + MINUTES
    (line,) = await keeper.end(night.ledger, locks)
    assert str(run_id) in line
    await processes.nobody_runs(night.house, run_id)
    row = await night.ended(run_id)
    assert (row.outcome, row.reason[:20]) == ("blocked", "it stood still for 1"), row.reason
    await reader.round()
    (notice,) = reader.sent
    assert f"{agent} ended blocked" in notice
