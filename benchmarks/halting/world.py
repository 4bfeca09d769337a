"""Halt: what do the runs do to the world? Each beats, several times a turn, and every beat is a line with its moment."""

from __future__ import annotations

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pydantic_ai import RunContext

from midwatch.risk import tool
from midwatch.run import RunFacts

BODY: Final = """
tools: [{python: benchmarks.halting.world:beat}, {python: benchmarks.halting.world:beat_in_a_thread}]
rules: {allow: [beat, beat_in_a_thread]}
ceiling: 4
limits: {steps: 10000, tokens: 1000000000, minutes: 60, effects: 100000}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """One effect, as the world has it."""

    run_id: str
    number: str
    at: float
    """Seconds since the epoch."""


@tool(risk="write")
async def beat(ctx: RunContext[RunFacts], number: int, seconds: float) -> str:
    """Beat once, after so many seconds; not idempotent, and nobody can ask afterwards."""
    (beats(ctx.deps.project) / ctx.deps.run_id).touch()
    while not all_there(ctx.deps.project).exists():  # noqa: ASYNC110  # only a file tells another process
        await asyncio.sleep(0.2)
    await asyncio.sleep(seconds)
    return _beaten(ctx.deps, number)


@tool(risk="write")
def beat_in_a_thread(ctx: RunContext[RunFacts], number: int, seconds: float) -> str:
    """As `beat`, where nothing can cancel it: the one that is under way happens, and is in doubt."""
    time.sleep(seconds)
    return _beaten(ctx.deps, number)


def _beaten(facts: RunFacts, number: int) -> str:
    file = os.open(beats(facts.project) / facts.run_id, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(file, f"{number} {time.time():.6f}\n".encode())
    finally:
        os.close(file)
    return "beaten"


def all_there(project: Path) -> Path:
    """Is there as soon as every run has come to its first effect: until then none goes on, so that the last ones can begin."""
    return project / "all-there"


def beats(project: Path) -> Path:
    """The folder with a file for each run."""
    return project / "beats"


def seen(project: Path) -> Iterator[Beat]:
    """Every beat that has happened."""
    for file in sorted(beats(project).iterdir()):
        for line in file.read_text().splitlines():
            number, at = line.split()
            yield Beat(run_id=file.name, number=number, at=float(at))


def twice(found: list[Beat]) -> list[tuple[str, str]]:
    """What happened more than once; nothing ever should."""
    return [one for one, times in Counter((each.run_id, each.number) for each in found).items() if times > 1]
