"""Chaos: one life of a run, in a process of its own: what Prefect's flow run executes, with everything outside scripted.

Three seams of the harness are taken here: which model a name means, the form of a run that suspends, and the report that
Prefect's server would keep. Everything else is Midwatch as it is.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import os
import random
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn, TypeVar

from pydantic_ai.models import Model
from sqlalchemy import event

import tasks.harness.judgment
import tasks.harness.prepare
import tasks.harness.run
from benchmarks.chaos_run.boundary import Fuse, append
from benchmarks.chaos_run.model import scripted_model
from benchmarks.chaos_run.scenario import AGENT
from benchmarks.chaos_run.stage import RUN, Stage
from benchmarks.chaos_run.world import Life, begin
from midwatch.ledger import Ledger
from midwatch.ledger.database import Database
from midwatch.ledger.transaction import Write, now
from tasks.harness.asked import Asked
from tasks.harness.lock import only_process_of
from tasks.harness.run import one_life
from tasks.model.retry import RetryingModel
from tasks.step.log import RunLog
from tasks.triggers.slot import Slot

T = TypeVar("T")

ENDED: Final = 0
BROKEN: Final = 1
SUSPENDED: Final = 10
SLOT: Final = Slot(cause="person", name="run")


class Suspended(BaseException):
    """Ends this life in good order, as `suspend_flow_run` does."""


class WatchedLedger(Ledger):
    """A ledger with a boundary before each transaction, after each statement of it that writes, and after its commit."""

    def __init__(self, database: Database, fuse: Fuse) -> None:
        super().__init__(database, now)
        self._fuse = fuse

    async def write(self, work: Callable[[Write], T], *, durable: bool) -> T:
        name = inspect.getclosurevars(work).nonlocals["work"].__name__  # `writes` knows it there alone

        def wrote(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            if not statement.startswith("SELECT"):
                self._fuse.reached(f"{name}: {' '.join(statement.split()[:3])}")

        def watched(tx: Write) -> T:
            event.listen(tx.connection, "after_cursor_execute", wrote)
            return work(tx)

        self._fuse.reached(f"{name}: before")
        result = await super().write(watched, durable=durable)
        self._fuse.reached(f"{name}: committed")
        return result


def live(stage: Stage, fuse: Fuse, turns: random.Random | None) -> NoReturn:
    """Live, and leave the process with how it ended. Call it in a process that was forked for it.

    Args:
        stage: where.
        fuse: what kills it.
        turns: what decides the order of things that happen beside each other; None: the threads of Midwatch as it is.
    """
    code = BROKEN
    try:
        append(stage.endings, asyncio.run(lived_here(stage, fuse, turns)))
        code = ENDED
    except Suspended:
        code = SUSPENDED
    except BaseException:
        stage.error.write_text(traceback.format_exc())
    finally:
        os._exit(code)


async def lived_here(stage: Stage, fuse: Fuse, turns: random.Random | None) -> str:
    """As `run_agent` composes it; returns the name of the state that Prefect would show. Raises Suspended."""
    begin(Life(world=stage.world, fuse=fuse))
    _take_seams(stage, fuse)
    async with (
        WatchedLedger(stage.database(turns), fuse) as ledger,
        only_process_of(RUN, stage.place.locks),
    ):
        log = await RunLog.open(RUN, ledger)
        state = await one_life(Asked(agent=AGENT), SLOT, log, stage.place)
        fuse.reached("end")
        return str(state.name)


def _take_seams(stage: Stage, fuse: Fuse) -> None:
    async def resolve_model(*_: Any, **__: Any) -> Model:
        return RetryingModel(scripted_model(stage.scenario, fuse))

    async def form_filled_in(_spec: object, _run_id: str, _pending: Sequence[object], *, key: str) -> dict[str, Any]:
        form = stage.form(key)
        if form.exists() and (said := form.read_text()):
            values: dict[str, Any] = json.loads(said)
            return values
        fuse.reached("suspend: before")
        form.touch()
        raise Suspended

    async def tell(*_: object) -> None:
        fuse.reached("tell: before")
        append(stage.told, "told")
        fuse.reached("tell: after")

    vars(tasks.harness.prepare)["resolve_model"] = resolve_model
    vars(tasks.harness.judgment)["_form_filled_in"] = form_filled_in
    vars(tasks.harness.run)["tell"] = tell
