"""A program is run without a shell, and nothing of it is left behind."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import pytest

from midwatch.contract import CommandCheck, Finding
from midwatch.run import RunFacts
from tasks.monitoring.checks import command


async def run(facts: RunFacts, code: str, **check: Any) -> Finding:
    return await command.look(CommandCheck(argv=[sys.executable, "-c", code], **check), "program", facts)


async def test_the_right_exit_code_and_output_hold(facts: RunFacts) -> None:
    finding = await run(facts, "print('up to date'); raise SystemExit(2)", exit_code=2, stdout_contains=["up to"])
    assert (finding.held, finding.detail) == (True, "exit code 2")


async def test_a_wrong_exit_code_is_told_with_what_the_program_said(facts: RunFacts) -> None:
    finding = await run(facts, "raise SystemExit('no such remote')")
    assert (finding.held, finding.looked) == (False, True)
    assert finding.detail == "expected exit code 0, found 1, saying 'no such remote'"


async def test_missing_output_is_told_with_what_was_there(facts: RunFacts) -> None:
    finding = await run(facts, "print('ahead 3')", stdout_contains=["up to date"])
    assert finding.detail == "expected 'up to date' in its output, found 'ahead 3'"


async def test_no_shell_reads_the_arguments(facts: RunFacts) -> None:
    check = CommandCheck(argv=[sys.executable, "-c", "import sys; print(sys.argv[1:])", "$HOME; {item}"])
    finding = await command.look(check.model_copy(update={"stdout_contains": ["['$HOME; mail/a.eml']"]}), "x", facts)
    assert finding.held, finding.detail


async def test_it_runs_in_the_project(facts: RunFacts) -> None:
    finding = await run(facts, "import os; print(os.getcwd())", stdout_contains=[str(facts.project.resolve())])
    assert finding.held, finding.detail


async def test_a_program_that_is_not_there_was_not_seen(facts: RunFacts) -> None:
    finding = await command.look(CommandCheck(argv=["no-such-program-anywhere"]), "x", facts)
    assert (finding.held, finding.looked) == (False, False)
    assert "'no-such-program-anywhere' cannot be started" in finding.detail


async def test_a_flood_of_output_is_capped_and_the_program_still_ends(facts: RunFacts) -> None:
    code = f"import sys; sys.stdout.write('x' * {3 * command.MAX_BYTES}); print('end')"
    finding = await run(facts, code, stdout_contains=["end"])
    assert not finding.held
    assert len(finding.detail) < 400


async def test_a_program_that_hangs_is_stopped_with_all_its_children(facts: RunFacts) -> None:
    pid_file = facts.project / "pid"
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        f"open({str(pid_file)!r}, 'w').write(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    started = time.monotonic()
    finding = await run(facts, code, timeout_seconds=1.5)
    assert (finding.held, finding.looked) == (False, False)
    assert finding.detail == "did not end within 1.5 s and was stopped"
    assert time.monotonic() - started < 10
    await _is_gone(int(pid_file.read_text()))


async def test_a_child_left_behind_by_a_program_that_ended_is_stopped_too(facts: RunFacts) -> None:
    code = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'], stdout=subprocess.DEVNULL,"
        " stderr=subprocess.DEVNULL)\n"
        "open('pid', 'w').write(str(child.pid))\n"
    )
    assert (await run(facts, code)).held
    await _is_gone(int((facts.project / "pid").read_text()))


async def _is_gone(pid: int) -> None:
    """A killed child is a zombie until whoever inherited it has taken notice."""
    async with asyncio.timeout(5):
        while _alive(pid):  # noqa: ASYNC110  # the end of another process's child is no event here
            await asyncio.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    try:
        with open(f"/proc/{pid}/stat") as stat:
            return stat.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_cancelling_the_check_stops_the_program(facts: RunFacts) -> None:
    code = "import os, time; open('pid', 'w').write(str(os.getpid())); os.rename('pid', 'ready'); time.sleep(60)"
    looking = asyncio.create_task(run(facts, code))
    async with asyncio.timeout(10):
        while not (facts.project / "ready").exists():  # noqa: ASYNC110  # another process makes it
            await asyncio.sleep(0.02)
    looking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await looking
    await _is_gone(int((facts.project / "ready").read_text()))
