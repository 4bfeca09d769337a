from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from prefect.client.schemas.objects import FlowRun, State, StateType

from midwatch.ledger import Ledger, StepKind, StepRow
from tasks.harness.lock import only_process_of, was_started
from tasks.harness.revive import (
    AT_MOST,
    AT_ONE_STEP,
    INTERRUPTED,
    REVIVED,
    Losses,
    Revival,
    is_lost,
    losses_in,
    revive_lost_runs,
)

NOW = datetime(2026, 3, 4, 3, 0, tzinfo=UTC)


def flow_run(kind: StateType, *, stood: float = 600, name: str = "", pid: str | None = None) -> FlowRun:
    state: State[None] = State(
        type=kind, name=name or kind.value.title(), timestamp=NOW - timedelta(seconds=stood), message="it was killed"
    )
    return FlowRun(flow_id=uuid4(), parameters={"agent": "a"}, state=state, infrastructure_pid=pid)


@dataclass
class FakeClient:
    """Prefect's server, as far as the keeper asks it: it remembers the states of one run."""

    run: FlowRun
    set: list[State[Any]] = field(default_factory=list)

    async def read_flow_runs(self, **_: object) -> list[FlowRun]:
        return [self.run]

    async def read_flow_run_states(self, flow_run_id: UUID) -> list[State[Any]]:
        assert flow_run_id == self.run.id
        return self.set

    async def set_flow_run_state(self, flow_run_id: UUID, state: State[Any], *, force: bool) -> None:
        assert (flow_run_id, force) == (self.run.id, True)
        self.set.append(state)


async def started(ledger: Ledger, run: FlowRun) -> str:
    run_id = str(run.id)
    facts: dict[str, Any] = {"slot": "s", "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run(run_id, agent="a", cause="person", started_at=NOW, **facts)
    return run_id


async def lost(client: FakeClient, ledger: Ledger, tmp_path: Path) -> Revival:
    (revival,) = await revive_lost_runs(cast(Any, client), ledger, tmp_path / "locks", NOW)
    return revival


def step(position: str, name: str = "", kind: StepKind = "harness") -> StepRow:
    money: dict[str, Any] = {"tokens_in": 0, "tokens_out": 0, "usd": None, "seconds": 0.0}
    return StepRow(run_id="r", position=position, kind=kind, name=name, detail="", at=NOW, **money)


FIRST, SECOND = step("main/model/1", kind="model"), step("main/tool/call-1", kind="tool")
CRASH, STOP = step("revived/1", REVIVED), step("revived/2", "interrupted")


@pytest.mark.parametrize(
    ("steps", "was", "losses"),
    [
        ([], "Crashed", Losses(total=1, here=1, after="")),
        ([FIRST], "Crashed", Losses(total=1, here=1, after="main/model/1")),
        ([FIRST, CRASH, CRASH], "Crashed", Losses(total=3, here=3, after="main/model/1")),
        ([FIRST, CRASH, CRASH, SECOND], "Crashed", Losses(total=3, here=1, after="main/tool/call-1")),
        ([FIRST, STOP, STOP, STOP], INTERRUPTED, Losses(total=4, here=0, after="main/model/1")),
        ([FIRST, STOP, CRASH, STOP], "Crashed", Losses(total=4, here=2, after="main/model/1")),
    ],
)
def test_crashes_count_from_the_last_finished_step_and_interruptions_only_in_all(
    steps: Sequence[StepRow], was: str, losses: Losses
) -> None:
    assert losses_in(steps, was) == losses


@pytest.mark.parametrize(
    ("kind", "stood", "lost"),
    [
        (StateType.CRASHED, 7, False),
        (StateType.CRASHED, 9, True),
        (StateType.RUNNING, 11, False),
        (StateType.RUNNING, 13, True),
        (StateType.PENDING, 179, False),
        (StateType.PENDING, 181, True),
    ],
)
def test_a_state_must_stand_for_a_while(tmp_path: Path, kind: StateType, stood: float, lost: bool) -> None:
    assert is_lost(flow_run(kind, stood=stood), tmp_path, NOW) is lost


@pytest.mark.parametrize(("stood", "lost"), [(44, False), (46, True)])
def test_a_process_that_was_noted_and_is_gone_is_waited_for_less(tmp_path: Path, stood: float, lost: bool) -> None:
    assert is_lost(flow_run(StateType.PENDING, stood=stood, pid="1"), tmp_path, NOW) is lost


@pytest.mark.parametrize("kind", [StateType.CRASHED, StateType.RUNNING, StateType.PENDING])
async def test_nothing_is_lost_whose_lock_is_held_or_whose_process_is_there(tmp_path: Path, kind: StateType) -> None:
    run = flow_run(kind)
    async with only_process_of(str(run.id), tmp_path):
        assert not is_lost(run, tmp_path, NOW)
    assert is_lost(run, tmp_path, NOW)
    with process_of(str(run.id)) as process:
        run.infrastructure_pid = str(process.pid)
        assert not is_lost(run, tmp_path, NOW)
        process.kill()
        process.wait()
        assert is_lost(run, tmp_path, NOW)


@contextmanager
def process_of(run_id: str) -> Iterator[subprocess.Popen[bytes]]:
    """A process that was started for a run."""
    environment = {**os.environ, "PREFECT__FLOW_RUN_ID": run_id}
    with subprocess.Popen(["cat"], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(b"are you there?\n")
        process.stdin.flush()
        assert process.stdout.readline()
        yield process


def test_a_number_that_was_given_to_another_process_tells_nothing() -> None:
    with process_of("another run") as process:
        assert not was_started(str(process.pid), "run")
        assert was_started(str(process.pid), "another run")
        process.kill()
    assert not any(was_started(pid, "run") for pid in (None, "", "a-host:12", "-1", str(process.pid)))


async def test_a_lost_run_goes_on_and_the_ledger_knows(ledger: Ledger, tmp_path: Path) -> None:
    client = FakeClient(flow_run(StateType.RUNNING))
    run_id = await started(ledger, client.run)
    assert (await lost(client, ledger, tmp_path)).action == "revived"
    assert [state.type for state in client.set] == [StateType.SCHEDULED]
    assert [(row.position, row.name) for row in await ledger.steps_of(run_id)] == [("revived/1", "revived")]


async def test_a_run_that_crashes_at_one_step_is_given_up_and_says_where(ledger: Ledger, tmp_path: Path) -> None:
    client = FakeClient(flow_run(StateType.CRASHED))
    run_id = await started(ledger, client.run)
    await ledger.record_step(run_id, "main/model/2", kind="model", name="m")
    done = [(await lost(client, ledger, tmp_path)).action for _ in range(AT_ONE_STEP)]
    assert done == ["revived"] * (AT_ONE_STEP - 1) + ["given up"]
    row = await ledger.run(run_id)
    assert row is not None
    assert row.outcome == "failed"
    assert row.reason == (
        "its process was lost 3 times after step `main/model/2`, with nothing finished in between: the run is given up. "
        "The last time: it was killed"
    )
    assert (client.set[-1].name, client.set[-1].message) == ("failed", row.reason)


async def test_a_run_that_gets_on_is_given_up_only_after_many_crashes(ledger: Ledger, tmp_path: Path) -> None:
    client = FakeClient(flow_run(StateType.CRASHED))
    run_id = await started(ledger, client.run)
    for number in range(1, AT_MOST):
        assert (await lost(client, ledger, tmp_path)).action == "revived"
        await ledger.record_step(run_id, f"main/model/{number}", kind="model", name="m")
    assert (await lost(client, ledger, tmp_path)).action == "given up"


async def test_a_house_that_goes_down_often_is_not_the_runs_fault(ledger: Ledger, tmp_path: Path) -> None:
    client = FakeClient(flow_run(StateType.CRASHED, name=INTERRUPTED))
    await started(ledger, client.run)
    done = [(await lost(client, ledger, tmp_path)).action for _ in range(AT_MOST)]
    assert done == ["revived"] * (AT_MOST - 1) + ["given up"]


async def test_a_run_that_never_entered_the_ledger_is_given_up_too_and_then_stands_in_it(
    ledger: Ledger, tmp_path: Path
) -> None:
    client = FakeClient(flow_run(StateType.PENDING))
    done = [(await lost(client, ledger, tmp_path)).action for _ in range(AT_ONE_STEP)]
    assert done == ["revived"] * (AT_ONE_STEP - 1) + ["given up"]
    row = await ledger.run(str(client.run.id))
    assert row is not None
    assert (row.agent, row.outcome) == ("a", "failed")
    assert "before its first step" in row.reason


@pytest.mark.parametrize(("later", "states"), [(0, []), (60, ["blocked"])])
async def test_a_run_that_has_ended_is_not_begun_again_and_prefect_is_told_in_the_end(
    ledger: Ledger, tmp_path: Path, later: float, states: list[str]
) -> None:
    client = FakeClient(flow_run(StateType.RUNNING))
    run_id = await started(ledger, client.run)
    await ledger.finish_run(run_id, outcome="blocked", reason="no budget is left")
    now = datetime.now(UTC) + timedelta(seconds=later)
    revivals = await revive_lost_runs(cast(Any, client), ledger, tmp_path / "locks", now)
    assert [revival.action for revival in revivals] == ["ended"] * len(states)
    assert [(state.name, state.type) for state in client.set] == [(name, StateType.FAILED) for name in states]
