"""The flow with which an automation halts: the disk first, and Failed where it halts nobody, or only half."""

from __future__ import annotations

from pathlib import Path

import pytest
from prefect.client.schemas.objects import StateType

from midwatch.halt import Target
from tasks.harness.halt_flows import halt_now
from tasks.permissions.latch import Latch

RUN = "0b5c6e7a-1111-4222-8333-944444444444"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MIDWATCH_PROJECT", str(tmp_path))
    monkeypatch.setenv("MIDWATCH_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("MIDWATCH_LEDGER_URL", raising=False)
    monkeypatch.setattr("tasks.harness.halt_flows._run_id", lambda: "deadbeef-0000")
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "owl.yaml").touch()
    return tmp_path / "home"


@pytest.mark.parametrize(
    ("agent", "run", "why"),
    [
        ("owll", "", "there is no agent 'owll'; there are owl"),
        ("", "0b5c6e7a", "'0b5c6e7a' is a part of a run's id"),
        ("owl", RUN, "an agent and a run are named"),
    ],
)
async def test_a_halt_of_nobody_fails_and_says_so(home: Path, agent: str, run: str, why: str) -> None:
    state = await halt_now(agent, "it spends", run)
    assert (state.type, state.name) == (StateType.FAILED, "Nobody halted")
    assert str(state.message).startswith(f"NOBODY WAS HALTED: {why}")
    assert Latch(home).standing() == []


@pytest.mark.parametrize(
    ("agent", "run", "target"), [("", "", Target.of()), ("owl", "", Target.of("owl")), ("", RUN, Target.of(run_id=RUN))]
)
async def test_it_halts_whom_it_names(home: Path, agent: str, run: str, target: Target) -> None:
    state = await halt_now(agent, "it spends", run)
    assert (state.type, state.name) == (StateType.COMPLETED, "Halted")
    assert [one.target for one in Latch(home).standing()] == [target]


async def test_a_broken_ledger_leaves_the_latch_on_disk_and_half_a_halt_fails(home: Path) -> None:
    home.mkdir()
    (home / "ledger.db").write_bytes(b"no database at all" * 100)
    state = await halt_now("", "it spends", "")
    assert (state.type, state.name) == (StateType.FAILED, "Half halted")
    assert [one.target for one in Latch(home).standing()] == [Target.of()]
