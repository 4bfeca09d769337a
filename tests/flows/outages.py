"""Runs that something outside hits: their provider, their process, their ledger, their house.

Each function starts a run, puts the faults in at places that it has waited for, and returns how the run came out.
"""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

import psutil
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import FlowRun

from cli.duty import Rounds
from cli.keeper import OF_RUNS, one_round
from cli.upkeep import answers
from midwatch.ledger import EffectRow, Ledger, RunRow
from tasks.harness.place import place
from tests.flows import processes
from tests.flows.conftest import Night
from tests.flows.matrix import BODY, PARKED, writes
from tests.flows.processes import child_of, process_of, there
from tests.flows.scripted_model import Calls, Hold, Turn, call

LOCKED_SECONDS: Final = 4.0
BUSY_SECONDS: Final = 10.0
"""How long this run's ledger waits for another writer."""
SECONDS: Final = 180.0
"""Until a run must have come out, on a machine that has others to look after."""


@dataclass(frozen=True, kw_only=True)
class CameOut:
    """How one run came out."""

    run: RunRow
    effects: list[EffectRow]
    noticed: dict[str, str] = field(default_factory=dict)
    """On the way, by fault."""

    @property
    def states(self) -> list[str]:
        """Of its effects."""
        return [effect.state for effect in self.effects]


async def came_out(night: Night, run_id: UUID, ledger: Ledger | None = None, **noticed: str) -> CameOut:
    await night.until(run_id, is_over, SECONDS)
    kept = ledger or night.ledger
    row = await kept.run(str(run_id))
    assert row is not None
    return CameOut(run=row, effects=await kept.effects_of(str(run_id)), noticed=noticed)


def is_over(run: FlowRun) -> bool:
    return bool(run.state and run.state.is_final() and not run.state.is_crashed())


async def crashed(night: Night, run_id: UUID) -> str:
    """What Prefect shows of a run that has crashed."""
    run = await night.until(run_id, lambda run: bool(run.state and run.state.is_crashed()), SECONDS)
    return run.state.message or "" if run.state else ""


async def started(night: Night, name: str, *turns: Turn, ledger: Ledger | None = None, **environment: str) -> UUID:
    """A run of a new agent at level 4."""
    await (ledger or night.ledger).grant_level(name, 4, by="test", because="a test")
    return await night.start(night.agent(name, BODY, *turns), environment)


# --- its provider ---


async def parked(night: Night) -> CameOut:
    """The provider is away, then it refuses the key; in between the run has no process and waits until it is mended."""
    name = "parked"
    night.script.faults[name] = {turn: list(row.faults) for turn, row in enumerate(PARKED.values(), start=1)}
    run_id = await started(night, name, writes("one"), writes("two"), "done")
    await asked(night, run_id, PARKED["401"].says)
    async with get_client() as client:
        await client.resume_flow_run(run_id, run_input={"decision_2": "approve"})
    out = await came_out(night, run_id)
    asks = await night.ledger.asks_of(str(run_id))
    return replace(out, noticed={name: ask.reason for name, ask in zip(PARKED, asks, strict=True)})


async def asked(night: Night, run_id: UUID, why: str) -> None:
    """Wait until the run is suspended and asks with these words."""
    async with asyncio.timeout(SECONDS):
        while not any(why in ask.reason for ask in await night.ledger.asks_of(str(run_id))):  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    await night.until(run_id, lambda run: bool(run.state and run.state.is_paused()), SECONDS)


# --- its process ---


async def bad_night_of_the_process(night: Night) -> CameOut:
    """kill -9 in three calls at once: one done, one not begun, one with nothing left but to say so. Then a full disk."""
    name = "bad-night-of-the-process"
    three = zip(("one", "two", "three"), ("nowhere", "before", "after"), strict=True)
    calls = Calls([("append_line", {"agent": name, "line": line, "hold": hold}) for line, hold in three])
    run_id = await started(night, name, calls, call("fill_the_disk"), writes("four"), "done")
    world = night.project / "work" / name
    await there(lambda: (world / "at-before").exists() and (world / "at-after").exists(), SECONDS)
    await processes.killed(night.house, run_id)
    (world / "go").touch()
    await there((world / "filled").exists, SECONDS)
    return await came_out(night, run_id, disk=await crashed(night, run_id))


# --- its ledger ---


async def bad_night_of_the_ledger(night: Night) -> CameOut:
    """Another process writes, and does not come to an end: for a while, and then until the run has had enough."""
    name = "bad-night-of-the-ledger"
    path = night.project / f"{name}.db"
    url = f"sqlite+aiosqlite:///{path}?timeout={BUSY_SECONDS}"
    first, second = Hold(turn=1), Hold(turn=2)
    night.script.holds[name] = first
    async with Ledger.open(url) as ledger:
        await ledger.migrate()
        turns = writes("one"), writes("two"), writes("three"), "done"
        run_id = await started(night, name, *turns, ledger=ledger, MIDWATCH_LEDGER_URL=url)
        await there(first.reached.is_set, SECONDS)
        process = process_of(run_id)
        with locked(path):
            night.script.holds[name] = second
            first.go.set()
            await asyncio.sleep(LOCKED_SECONDS)
        await there(second.reached.is_set, SECONDS)
        same = str(process.is_running())
        with locked(path):
            second.go.set()
            why = await crashed(night, run_id)
        return await came_out(night, run_id, ledger, same_process=same, why=why)


@contextmanager
def locked(path: Path) -> Generator[None]:
    """Another writer, in the middle of its transaction."""
    connection = sqlite3.connect(path, isolation_level=None, timeout=BUSY_SECONDS)
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    finally:
        connection.rollback()
        connection.close()


# --- its house ---


async def bad_night_of_the_house(night: Night) -> CameOut:
    """The clock jumps, then the server is killed, then the worker; all other runs would be hit, too."""
    name = "bad-night-of-the-house"
    first, second = Hold(turn=1), Hold(turn=2)
    night.script.holds[name] = first
    run_id = await started(night, name, writes("one"), writes("two"), writes("three"), "done")
    await there(first.reached.is_set, SECONDS)
    clock = await clock_jumps(night, run_id)
    process, server = process_of(run_id), killed(night, "server")
    night.script.holds[name] = second
    first.go.set()
    await there(second.reached.is_set, SECONDS)
    same = str(process.is_running())
    await there(lambda: child_of(night.house, "server") != server and answers(f"{night.house.url}/api/health"), SECONDS)
    killed(night, "worker")
    # The house ends what a dead worker had started: here between two effects, so that nothing is left in doubt.
    await processes.nobody_runs(night.house, run_id)
    second.go.set()
    return await came_out(night, run_id, clock=clock, same_process=same)


async def clock_jumps(night: Night, run_id: UUID) -> str:
    """What the keeper does to a run at work when its clock is a day ahead, and when it is a day behind."""
    done: list[str] = []
    async with get_client() as client:
        for days in (1, -1):
            now = datetime.now(UTC) + timedelta(days=days)
            rounds = Rounds(client=client, ledger=night.ledger, here=place(os.environ))
            done += await one_round(OF_RUNS, rounds, now)
    return "\n".join(line for line in done if str(run_id) in line)


def killed(night: Night, name: str) -> psutil.Process:
    """A child of the house, after kill -9."""
    child = child_of(night.house, name)
    assert child is not None
    child.kill()
    return child
