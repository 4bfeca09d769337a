"""kill -9 of a run's process in five different places: the same run finishes, and its one effect happens once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import pytest

from midwatch.ledger import RunRow
from tests.flows import processes
from tests.flows.conftest import Night
from tests.flows.places import Place
from tests.flows.processes import there
from tests.flows.scripted_model import Hold, call

APPENDER = """
tools:
  - python: tests.flows.places:append_line
  - python: tests.flows.places:append_blindly
rules:
  allow: [append_line, append_blindly]
ceiling: 4
contract:
  done_when:
    - python: tests.flows.places:one_line
"""


async def killed_at(night: Night, name: str, hold: Place, at: Callable[[], bool], tool: str = "append_line") -> UUID:
    """A run of an agent that appends one line, killed as soon as `at()`; its second life meets no obstacle."""
    agent = night.agent(name, APPENDER, call(tool, agent=name, line="one", hold=hold), "done")
    await night.ledger.grant_level(agent, 4, by="test", because="a test")
    run_id = await night.start(agent)
    await there(at)
    await processes.killed(night.house, run_id)
    (night.project / "work" / name).mkdir(parents=True, exist_ok=True)
    (night.project / "work" / name / "go").touch()
    return run_id


def marker(night: Night, name: str, place: str) -> Callable[[], bool]:
    path: Path = night.project / "work" / name / f"at-{place}"
    return path.exists


async def killed_in_a_model_request(night: Night, name: str, turn: int) -> UUID:
    hold = night.script.holds[name] = Hold(turn=turn)
    run_id = await killed_at(night, name, "nowhere", hold.reached.is_set)
    hold.go.set()
    return run_id


@pytest.fixture
async def killed(night: Night) -> dict[str, UUID]:
    """Five runs, each killed in another place, all on their second life by now or soon."""
    first, before, after, second, contract = await asyncio.gather(
        killed_in_a_model_request(night, "kill-first-request", 0),
        killed_at(night, "kill-before-effect", "before", marker(night, "kill-before-effect", "before")),
        killed_at(night, "kill-after-effect", "after", marker(night, "kill-after-effect", "after")),
        killed_in_a_model_request(night, "kill-second-request", 1),
        killed_at(night, "kill-in-contract", "nowhere", marker(night, "kill-in-contract", "contract")),
    )
    return {"first": first, "before": before, "after": after, "second": second, "contract": contract}


async def test_a_killed_run_finishes_under_its_own_id_with_one_effect(night: Night, killed: dict[str, UUID]) -> None:
    rows: list[RunRow] = await asyncio.gather(*(night.ended(run_id) for run_id in killed.values()))
    assert {name: row.outcome for name, row in zip(killed, rows, strict=True)} == dict.fromkeys(killed, "verified")
    for run_id, row in zip(killed.values(), rows, strict=True):
        effects = await night.ledger.effects_of(str(run_id))
        assert [effect.state for effect in effects] == ["consumed"], row.agent
        assert (night.project / "work" / row.agent / "lines").read_text() == "one\n"
        assert night.script.count(row.agent) == (2 if row.agent not in night.script.holds else 3)


async def test_an_effect_that_nobody_can_tell_of_is_unknown_and_not_repeated(night: Night) -> None:
    name = "kill-blindly"
    run_id = await killed_at(night, name, "after", marker(night, name, "after"), tool="append_blindly")
    row = await night.ended(run_id)
    assert row.outcome == "unknown"
    assert [effect.state for effect in await night.ledger.effects_of(str(run_id))] == ["unknown"]
    assert (night.project / "work" / name / "lines").read_text() == "one\n"
