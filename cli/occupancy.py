"""The house: how does a command start it, find it and end it?"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable

import psutil

from cli import inhabitants, logs, record
from cli.home import House, furnish
from cli.record import Record
from cli.supervisor import EXIT_LOCKED
from midwatch.errors import HouseError

Say = Callable[[str], None]
"""Hears one short line about what is waited for."""

PATIENCE = 180.0
"""Seconds until a start, or a stop, is called failed."""


def silent(_: str) -> None:
    """For those who need no progress."""


def current(house: House) -> Record | None:
    """The record of a supervisor that is alive now; None when the house is empty."""
    state = record.read(house.record)
    return state if state and state.alive() and state.phase != "failed" else None


def start(
    house: House, *, port: int | None = None, say: Say = silent, leashed: bool = False
) -> subprocess.Popen[bytes]:
    """Start a supervisor in a session of its own, and wait until the whole group is ready.

    Args:
        leashed: the house ends when this process does, however that happens.

    Raises:
        HouseError: it could not start; says which child, and shows the last lines of its log.
    """
    _until_stopped(house, say)
    furnish(house)
    words = [*(["--port", str(port)] if port else []), *(["--until-stdin-closes"] if leashed else [])]
    with (house.logs / "supervisor-crash.log").open("wb") as crash:
        supervisor = subprocess.Popen(
            [sys.executable, "-m", "cli.supervisor", *words],
            cwd=house.project,
            env=_environment(house),
            stdin=subprocess.PIPE if leashed else subprocess.DEVNULL,
            stdout=crash,
            stderr=crash,
            start_new_session=True,
        )
    try:
        _until_up(house, supervisor, say)
    except BaseException:
        supervisor.terminate()
        supervisor.wait()
        raise
    return supervisor


def stop(house: House, say: Say = silent) -> bool:
    """End the group and whatever an earlier one left behind. Returns whether anything was there."""
    state = current(house)
    process = state.supervisor.process() if state else None
    if process is not None:
        say("stopping the worker, the keeper and the server")
        with contextlib.suppress(psutil.NoSuchProcess):
            process.terminate()
        if _outlives(process):
            say("the supervisor does not end and is killed")
            process.kill()
            _outlives(process)
    left = inhabitants.end(inhabitants.of_home(house.home))
    return process is not None or bool(left)


def _until_stopped(house: House, say: Say) -> None:
    """Let a `midwatch down` that is still at work finish."""
    state = current(house)
    if state and state.phase == "stopping" and (process := state.supervisor.process()):
        say("waiting until the last one has stopped")
        _outlives(process)


def _until_up(house: House, supervisor: subprocess.Popen[bytes], say: Say) -> None:
    deadline, told = time.monotonic() + PATIENCE, ""
    while True:
        code, state = supervisor.poll(), record.read(house.record)
        other_failed = code == EXIT_LOCKED and state is not None and not state.alive()
        if other_failed or code not in (None, EXIT_LOCKED):
            raise HouseError(why(house))
        if state and state.alive() and state.phase == "up":
            return
        if state and state.waiting_for not in ("", told):
            told = state.waiting_for
            say(f"starting the {told}")
        if time.monotonic() > deadline:
            raise HouseError(f"the house was not ready after {PATIENCE:.0f} s: see {house.logs}")
        time.sleep(0.1)


def why(house: House) -> str:
    """Why the last supervisor ended, as it wrote itself, or as Python printed it."""
    state = record.read(house.record)
    if state and state.phase == "failed":
        return state.error
    return f"the supervisor ended unexpectedly:\n{logs.tail(house, 'supervisor-crash')}"


def _outlives(process: psutil.Process) -> bool:
    _, alive = psutil.wait_procs([process], timeout=PATIENCE / 3)
    return bool(alive)


def _environment(house: House) -> dict[str, str]:
    """The caller's, with the house named and without the marks of a house that the caller may itself be in."""
    named = {"MIDWATCH_PROJECT": str(house.project), "MIDWATCH_HOME": str(house.home)}
    marks = (inhabitants.HOUSE, inhabitants.CHILD)
    return {name: value for name, value in os.environ.items() if name not in marks} | named
