"""The fault matrix: each row puts one fault in at a real seam of a real run, and says what must come out.

All runs are made once, side by side; then each row looks at its own.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Sequence
from dataclasses import dataclass, field
from typing import Final
from uuid import UUID

import pytest

from tests.flows import mcp_faults
from tests.flows.conftest import REPOSITORY, Night
from tests.flows.matrix import BODY, ENDS, PARKED, RIDDEN_OUT
from tests.flows.outages import (
    CameOut,
    bad_night_of_the_house,
    bad_night_of_the_ledger,
    bad_night_of_the_process,
    came_out,
    parked,
)
from tests.flows.scripted_model import Asked

EACH: Final = [(wire, name) for wire, rows in RIDDEN_OUT.items() for name in rows]


def item(wire: str, name: str) -> str:
    return f"rows/{wire}/{name}"


def write_agents(night: Night) -> list[str]:
    """The agents of all runs that share a process; their names."""
    for wire, conversations in RIDDEN_OUT.items():
        agent = f"rides-out-{wire}"
        (night.project / "rows" / wire).mkdir(parents=True)
        for name, row in conversations.items():
            (night.project / item(wire, name)).touch()
            night.script.turns[f"{agent} {item(wire, name)}"] = row.turns(name)
            night.script.faults[f"{agent} {item(wire, name)}"] = row.faults_by_turn()
        body = f"{BODY}prompt: '{{item}}'\nfor_each: {{files: rows/{wire}/*}}\n"
        night.agent(agent, body, model=f"{wire}:{agent}")
    for name, end in ENDS.items():
        night.agent(name, end.body, *end.turns, model=end.model)
        if end.always:
            night.script.always[name] = end.always
        if end.window:
            night.script.windows[name] = end.window
    night.script.turns["fallback"] = ENDS["provider-down-with-fallback"].turns
    mcp_faults.write_agents(night)
    return [*(f"rides-out-{wire}" for wire in RIDDEN_OUT), mcp_faults.IN_READS, mcp_faults.IN_AN_EFFECT, *ENDS]


async def run_side_by_side(night: Night, agents: list[str]) -> list[CameOut]:
    for agent in agents:
        await night.ledger.grant_level(agent, 4, by="test", because="a test")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.flows.side_by_side", *agents),
        cwd=night.project,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    printed, complaints = await process.communicate()
    assert process.returncode == 0, complaints.decode()
    return [await came_out(night, UUID(run_id)) for run_id in json.loads(printed)]


@dataclass
class Matrix:
    """How every run came out. A run that could not be made spoils its own rows, and no others."""

    made: dict[str, CameOut] = field(default_factory=dict)
    failed: list[Exception] = field(default_factory=list)

    def __getitem__(self, name: str) -> CameOut:
        if name not in self.made:
            raise ExceptionGroup(f"there is no run of {name!r}", self.failed)
        return self.made[name]

    async def make(self, night: Night) -> None:
        """Every run, side by side; the one that the house's own faults hit comes last."""
        (night.project / "work").mkdir(exist_ok=True)
        await asyncio.gather(
            self._add(run_side_by_side(night, write_agents(night))),
            self._add(parked(night)),
            self._add(bad_night_of_the_process(night)),
            self._add(bad_night_of_the_ledger(night)),
            self._add(mcp_faults.kill_in_reads(night)),
            self._add(mcp_faults.kill_in_an_effect(night)),
        )
        await self._add(bad_night_of_the_house(night))

    async def _add(self, making: Awaitable[Sequence[CameOut] | CameOut | None]) -> None:
        try:
            made = await making
        except Exception as error:
            self.failed.append(error)
        else:
            self.made |= {came.run.agent: came for came in ([made] if isinstance(made, CameOut) else made or [])}


_MATRIX: Final = Matrix()


@pytest.fixture
async def matrix(night: Night) -> Matrix:
    """The matrix, made once."""
    if not (_MATRIX.made or _MATRIX.failed):
        await _MATRIX.make(night)
    return _MATRIX


def heard(requests: list[Asked], number: int) -> str:
    """Everything that the model was told until then."""
    return json.dumps(requests[number].body)


@pytest.mark.parametrize(("wire", "name"), EACH, ids=[f"{name}-{wire}" for wire, name in EACH])
async def test_a_run_rides_out(night: Night, matrix: Matrix, wire: str, name: str) -> None:
    row, came = RIDDEN_OUT[wire][name], matrix[f"rides-out-{wire}"]
    requests = night.script.asked_of(f"rides-out-{wire} {item(wire, name)}")
    assert came.run.outcome == "verified", came.run.reason
    assert [effect.state for effect in came.effects if json.loads(effect.args_json)["line"] == name] == ["consumed"]
    assert len(requests) == row.requests
    assert row.hears in heard(requests, -1)
    assert requests[-1].at - requests[-2].at >= row.waits


@pytest.mark.parametrize("name", ENDS)
async def test_a_run_ends(night: Night, matrix: Matrix, name: str) -> None:
    row, came = ENDS[name], matrix[name]
    assert (came.run.outcome, row.says in came.run.reason) == (row.outcome, True), came.run.reason
    assert came.states == list(row.effects)
    assert night.script.count(name) == row.requests


@pytest.mark.parametrize("name", PARKED)
async def test_a_run_is_parked(night: Night, matrix: Matrix, name: str) -> None:
    came = matrix["parked"]
    assert (came.run.outcome, came.states) == ("verified", ["consumed"] * 2), came.run.reason
    assert PARKED[name].says in came.noticed[name]
    assert night.script.count("parked") == 3 + sum(len(row.faults) for row in PARKED.values())


@pytest.mark.parametrize(
    ("turn", "hears"),
    [
        pytest.param(1, "appended", id="after-a-call"),
        pytest.param(2, "appended", id="before-a-call"),
        pytest.param(3, "did not answer: Connection closed", id="in-a-read"),
        pytest.param(4, "timed out", id="hangs-in-a-read"),
    ],
)
async def test_an_mcp_server_is_killed(night: Night, matrix: Matrix, turn: int, hears: str) -> None:
    came, requests = matrix[mcp_faults.IN_READS], night.script.asked_of(mcp_faults.IN_READS)
    assert (came.run.outcome, came.states) == ("verified", ["consumed"] * 2), came.run.reason
    world = mcp_faults.world(night, mcp_faults.IN_READS)
    assert ((world / "lines").read_text(), len((world / "pids").read_text().split())) == ("one\ntwo\n", 3)
    assert hears in json.dumps(requests[turn].body["messages"][-1])


async def test_an_mcp_server_is_killed_in_an_effect(matrix: Matrix) -> None:
    came = matrix[mcp_faults.IN_AN_EFFECT]
    assert (came.run.outcome, came.states) == ("unknown", ["unknown"])
    assert "mcp__faulty__append" in came.run.reason


@pytest.mark.parametrize("fault", ["killed-in-three-parallel-calls", "disk-full"])
async def test_the_process_has_a_bad_night(night: Night, matrix: Matrix, fault: str) -> None:
    came = matrix["bad-night-of-the-process"]
    assert (came.run.outcome, came.states) == ("verified", ["consumed"] * 4), came.run.reason
    lines = (night.project / "work" / came.run.agent / "lines").read_text().split()
    assert sorted(lines) == ["four", "one", "three", "two"]
    assert fault != "disk-full" or "disk I/O error" in came.noticed["disk"]


@pytest.mark.parametrize("fault", ["locked-for-a-while", "locked-for-ever"])
async def test_the_ledger_has_a_bad_night(matrix: Matrix, fault: str) -> None:
    came = matrix["bad-night-of-the-ledger"]
    assert (came.run.outcome, came.states) == ("verified", ["consumed"] * 3), came.run.reason
    assert came.noticed["same_process"] == "True"
    assert "database is locked" in came.noticed["why"]


@pytest.mark.parametrize("fault", ["clock-jumps", "server-restarted", "worker-killed"])
async def test_the_house_has_a_bad_night(matrix: Matrix, fault: str) -> None:
    came = matrix["bad-night-of-the-house"]
    assert (came.run.outcome, came.states) == ("verified", ["consumed"] * 3), came.run.reason
    assert came.noticed == {"clock": "", "same_process": "True"}
