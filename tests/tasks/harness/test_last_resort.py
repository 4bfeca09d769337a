"""A process that goes on although it is halted, or its run has ended, is killed; one that has others to work for is not."""

from __future__ import annotations

import signal
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from midwatch.halt import Halt, Target
from midwatch.run import RunFacts
from tasks.harness.last_resort import end_with_outcome
from tasks.permissions.latch import Latch

PROJECT = Path(__file__).parents[3]
BLOCKED = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from midwatch.run import RunFacts
from tasks.harness.last_resort import ended_if_deaf
home, own, deaf = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
facts = RunFacts(run_id="run", agent="a", started_at=datetime.now(UTC), home=home)
with ended_if_deaf(facts, environ={"PREFECT__FLOW_RUN_ID": own}, look_seconds=0.05, grace_seconds=0.4):
    time.sleep(deaf)
time.sleep(0.6)
"""


def blocked(home: Path, own: str, seconds: float) -> int:
    """The exit code of a process that hears nothing for so long; negative: the signal that ended it."""
    argv = [sys.executable, "-c", BLOCKED, str(home), own, str(seconds)]
    return subprocess.run(argv, cwd=PROJECT, timeout=60, check=False).returncode


def halt(home: Path, target: Target) -> None:
    Latch(home).set(Halt(scope=target.scope, name=target.name, by="anna", via="cli", because="x", at=datetime.now(UTC)))


@pytest.mark.parametrize("target", Target.around("a", "run"), ids=lambda target: target.scope)
def test_a_process_that_does_not_hear_of_its_halt_is_killed(tmp_path: Path, target: Target) -> None:
    halt(tmp_path, target)
    assert blocked(tmp_path, "run", 30) == -signal.SIGKILL


def test_one_that_ends_its_work_in_time_is_not(tmp_path: Path) -> None:
    halt(tmp_path, Target.of())
    assert blocked(tmp_path, "run", 0) == 0


@pytest.mark.parametrize(
    ("target", "own"), [(Target.of("b"), "run"), (Target.of("a"), "another"), (Target.of("a"), "")]
)
def test_nor_one_that_is_not_halted_or_has_others_to_work_for(tmp_path: Path, target: Target, own: str) -> None:
    halt(tmp_path, target)
    assert blocked(tmp_path, own, 1) == 0


def test_a_process_whose_run_has_its_outcome_ends_at_once_where_a_function_goes_on(tmp_path: Path) -> None:
    script = BLOCKED.partition("with ended_if_deaf")[0].replace("import ended_if_deaf", "import end_with_outcome")
    script += 'end_with_outcome(facts, environ={"PREFECT__FLOW_RUN_ID": own})\n'
    argv = [sys.executable, "-c", script, str(tmp_path), "run", "0"]
    assert subprocess.run(argv, cwd=PROJECT, timeout=60, check=False).returncode == -signal.SIGKILL


def test_a_process_in_which_others_work_does_not_end_with_one_run(tmp_path: Path) -> None:
    facts = RunFacts(run_id="run", agent="a", started_at=datetime.now(UTC), home=tmp_path)
    for own in ("another", ""):
        end_with_outcome(facts, environ={"PREFECT__FLOW_RUN_ID": own})
