"""A run that stands still is found from outside, ended in the ledger, and its process killed; nobody else is touched."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from midwatch.ledger import Ask, Ledger
from tasks.harness.lock import processes_of
from tasks.harness.stalled import StalledRuns

HANGS = """
import fcntl, sys, time
file = open(sys.argv[1], "a")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(3600)
"""


class Clock:
    def __init__(self) -> None:
        self.minutes = 0.0

    def __call__(self) -> float:
        return self.minutes * 60


async def started(ledger: Ledger, run_id: str, *, stall_minutes: float | None = 30) -> None:
    facts: dict[str, Any] = {"slot": None, "level": 3, "asked_level": None, "input": {}, "fingerprint": "f"}
    now = datetime.now(UTC)
    await ledger.start_run(run_id, agent="a", cause="person", started_at=now, stall_minutes=stall_minutes, **facts)


@contextmanager
def hanging(run_id: str, locks: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of the run whose event loop hangs."""
    argv = [sys.executable, "-c", HANGS, str(locks / f"{run_id}.lock")]
    environment = {**os.environ, "PREFECT__FLOW_RUN_ID": run_id}
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


async def test_a_run_that_stands_still_is_ended_and_its_process_killed(ledger: Ledger, tmp_path: Path) -> None:
    clock = Clock()
    runs = StalledRuns(clock=clock)
    await started(ledger, "r1")
    await ledger.record_step("r1", "main/model/1", kind="model", name="m")
    with hanging("r1", tmp_path) as process, hanging("r2", tmp_path) as other:
        for clock.minutes in (0, 20, 30):
            assert await runs.end(ledger, tmp_path) == []
        clock.minutes = 31
        (line,) = await runs.end(ledger, tmp_path)
        assert f"ended: {process.pid}" in line
        assert process.wait(10) == -9
        assert other.poll() is None
        assert await runs.end(ledger, tmp_path) == []
    row = await ledger.run("r1")
    assert row is not None
    assert (row.outcome, row.reason[:55]) == ("blocked", "it stood still for 31 minutes after step `main/model/1`")
    assert [one.run_id for one in await ledger.ended_since(row.started_at)] == ["r1"]


async def test_what_it_was_in_the_middle_of_is_asked_about(ledger: Ledger, tmp_path: Path) -> None:
    runs = StalledRuns(clock=(clock := Clock()))
    await started(ledger, "r1")
    await ledger.reserve("r1", "c", digest="d", tool="pay", args_json="{}", idempotency_key="k")
    with hanging("r1", tmp_path):
        await runs.end(ledger, tmp_path)
        clock.minutes = 40
        await runs.end(ledger, tmp_path)
    row = await ledger.run("r1")
    assert row is not None
    assert row.outcome == "unknown"
    assert [ask.kind for ask in await ledger.asks_of("r1")] == ["settle"]


async def test_a_run_that_takes_steps_waits_for_a_person_or_is_not_watched_is_left_alone(
    ledger: Ledger, tmp_path: Path
) -> None:
    runs = StalledRuns(clock=(clock := Clock()))
    for run_id, stall_minutes in (("steps", 30), ("waits", 30), ("off", None), ("no-process", 30)):
        await started(ledger, run_id, stall_minutes=stall_minutes)
    now = datetime.now(UTC)
    same: dict[str, Any] = {"tool": "t", "args_json": "{}", "digest": "d", "rule": "", "reason": "", "words": ""}
    deadline = now + timedelta(hours=9)
    await ledger.open_ask(
        Ask(ask_id="a", run_id="waits", call_id="c", kind="approve", created_at=now, deadline=deadline, **same)
    )
    with hanging("steps", tmp_path), hanging("waits", tmp_path), hanging("off", tmp_path):
        for number in range(5):
            clock.minutes = 20 * number
            await ledger.record_step("steps", f"main/model/{number}", kind="model", name="m")
            assert await runs.end(ledger, tmp_path) == []
        assert [len(processes_of(run_id)) for run_id in ("steps", "waits", "off")] == [1, 1, 1]
