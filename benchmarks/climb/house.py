"""A climb: where does it happen? In a house of its own with one agent, whose calls a scripted model makes."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from benchmarks.week.clock import Clock
from benchmarks.week.house import housed, take_seams
from tests.flows.scripted_model import Calls, Script, Turn
from tests.flows.wires import Heard

AGENT: Final = "archivist"
RULE: Final = "ask.note"
FILE: Final = f"""\
name: {AGENT}
description: Writes what came in into notes.
model: openai-chat:{AGENT}
instructions: Write one note for each thing that came in.
tools:
  - write_file: {{root: work}}
rules:
  ask:
    - {{write_file: notes/**, id: note}}
ceiling: 4
contract:
  done_when:
    - file: {{path: work/notes/latest.md, contains: [came in], newer_than_start: true}}
"""
CALLS: Final = 17
"""Of a run: one file that is there already, the others new."""
BAD: Final = "not what came in"
SILENCE_SECONDS: Final = 60.0
"""The model waits while somebody reports an incident."""
VERBS: Final = ("cli.main", "cli.promote", "cli.incident", "cli.verify", "tasks.harness.ladder_review")


@dataclass
class Writer(Script):
    """The model: writes the notes of its run, then says that it is done. `begin` for each run; they come one by one."""

    name: str = ""
    bad: bool = False
    meanwhile: Callable[[], None] | None = None
    """Happens while the model thinks about its second turn; it then makes one more call."""

    def begin(self, name: str, *, bad: bool = False, meanwhile: Callable[[], None] | None = None) -> None:
        self.name, self.bad, self.meanwhile = name, bad, meanwhile

    def turn(self, heard: Heard) -> Turn:
        if heard.spoken == 0:
            return Calls([("write_file", self._note(number)) for number in range(CALLS)])
        if heard.spoken == 1 and self.meanwhile is not None:
            self.meanwhile()
            return Calls([("write_file", self._note(CALLS))])
        return "done"

    def _note(self, number: int) -> Mapping[str, str]:
        path = f"notes/{self.name}-{number:02}.md" if number else "notes/latest.md"
        said = BAD if self.bad and number == 1 else f"came in: {self.name}, number {number}"
        return {"path": path, "content": f"{said}\n"}


@contextmanager
def climbing(folder: Path, model_url: str) -> Iterator[Mapping[str, str]]:
    """A server, this process its client, and the agent's file in the place of those that are shipped."""
    with housed(folder, model_url) as environment:
        (folder / "agents").unlink()
        (folder / "work" / "notes").mkdir(parents=True)
        (folder / "agents").mkdir()
        (folder / "agents" / f"{AGENT}.yaml").write_text(FILE)
        yield environment


async def deployed(client: Any) -> UUID:
    """The agent's deployment."""
    from flows.agent_run import agent_run

    flow_id = await client.create_flow(agent_run)
    made: UUID = await client.create_deployment(flow_id=flow_id, name=AGENT, parameters={"agent": AGENT})
    return made


def take_time(clock: Clock) -> None:
    """Whatever tells the time here is told by the climb's clock, the verbs included."""
    take_seams(clock, silence=SILENCE_SECONDS)
    for name in VERBS:
        importlib.import_module(name)
    clock.rule()
