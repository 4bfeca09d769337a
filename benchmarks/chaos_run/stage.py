"""Chaos: where does one run take place? A project and a ledger of its own, made from one that was migrated once."""

from __future__ import annotations

import asyncio
import json
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, make_url

from benchmarks.chaos_run.model import PROMPT
from benchmarks.chaos_run.scenario import AGENT, ALONE, Scenario
from benchmarks.chaos_run.tools import WANTED
from benchmarks.chaos_run.world import World
from midwatch.ledger import Ledger
from midwatch.ledger.database import Database, Occupied, Sqlite, connect
from midwatch.ledger.transaction import now
from tasks.harness.place import Place

T = TypeVar("T")

RUN: Final = "11111111-2222-3333-4444-555555555555"
"""Every run has a ledger of its own, so they can all have one name."""
_FILE: Final = """
name: {agent}
description: Is killed.
model: scripted:chaos
instructions: Do what there is to do.
prompt: {prompt}
tools:
{tools}
  - ask_human
rules:
  allow: [look, label, entry, post]
  ask: [order]
  deny: [burn]
ceiling: 4
escalation: {{deadline_minutes: {minutes}}}
limits: {{steps: 60, tokens: 100000, minutes: 60}}
contract:
  done_when:
    - python: benchmarks.chaos_run.tools:all_there
{for_each}
"""
_TOOLS: Final = ("look", "label", "entry", "post", "order", "burn")


class InTheLoop(Sqlite):
    """SQLite without a thread, in an order that the seed alone decides: calls that wait beside each other take turns."""

    def __init__(self, url: str, turns: random.Random) -> None:
        super().__init__(make_url(url).set(drivername="sqlite"))
        self._turns = turns

    async def _in_thread(self, work: Callable[[], T]) -> T:
        for _ in range(self._turns.randrange(4)):
            await asyncio.sleep(0)
        result = work()
        for _ in range(self._turns.randrange(4)):
            await asyncio.sleep(0)
        return result

    async def close(self) -> None:
        self._patient.dispose()

    def _at_once(self, work: Callable[[Connection], T]) -> T:  # noqa: ARG002  # everything goes through `_in_thread`
        raise Occupied


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """Where one run takes place."""

    folder: Path
    scenario: Scenario

    @property
    def place(self) -> Place:
        return Place(project=self.folder / "project", home=self.folder / "home")

    @property
    def world(self) -> World:
        return World(record=self.folder / "world")

    @property
    def trace(self) -> Path:
        """The boundaries that its lives crossed."""
        return self.folder / "trace"

    @property
    def endings(self) -> Path:
        """Each life that came to an end says which, on a line."""
        return self.folder / "endings"

    @property
    def error(self) -> Path:
        """What a life raised that should raise nothing."""
        return self.folder / "error"

    @property
    def told(self) -> Path:
        """One line for each time that the report was written."""
        return self.folder / "told"

    def form(self, key: str) -> Path:
        """A form of Prefect's that was shown (empty), and once it is filled in, its values."""
        return self.folder / "forms" / f"{key}.json"

    def forms_shown(self) -> list[Path]:
        """Those that nobody has filled in yet."""
        return [form for form in (self.folder / "forms").iterdir() if not form.stat().st_size]

    def ledger(self, turns: random.Random | None = None) -> Ledger:
        """The run's ledger; with `turns`, without a thread."""
        return Ledger(self.database(turns), now)

    def database(self, turns: random.Random | None) -> Database:
        """What the ledger lies in."""
        url = f"sqlite+aiosqlite:///{self.folder / 'ledger.db'}"
        return connect(url) if turns is None else InTheLoop(url, turns)

    def build(self, template: Path) -> None:
        """Everything that stands before a run; `template`: a ledger."""
        self.place.agents.mkdir(parents=True)
        (self.folder / "forms").mkdir()
        shutil.copy(template, self.folder / "ledger.db")
        (self.place.agents / f"{AGENT}.yaml").write_text(agent_file(self.scenario))
        wanted = [[call.tool, call.args] for call in self.scenario.wanted()]
        (self.place.project / WANTED).write_text(json.dumps(wanted))
        for item in self.scenario.items if self.scenario.items != ALONE else ():
            path = self.place.project / item
            path.parent.mkdir(exist_ok=True)
            path.touch()


def agent_file(scenario: Scenario) -> str:
    """The agent's file."""
    alone = scenario.items == ALONE
    return _FILE.format(
        agent=AGENT,
        prompt=json.dumps(PROMPT + (ALONE[0] if alone else "{item}")),
        tools="\n".join(f"  - python: benchmarks.chaos_run.tools:{name}" for name in _TOOLS),
        minutes=0.00001 if scenario.said == "silence" else 60,
        for_each="" if alone else "for_each: {files: boxes/*}",
    )


async def migrated(path: Path) -> None:
    """A ledger in which the agent stands at level 4."""
    async with Ledger.open(f"sqlite+aiosqlite:///{path}") as ledger:
        await ledger.migrate()
        await ledger.grant_level(AGENT, 4, by="operator", because="most of it is to run by itself")
