"""Chaos: one run, from its first life to its last: each is forked, killed where it is to be killed, and followed by another."""

from __future__ import annotations

import asyncio
import random
import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from benchmarks.chaos_run import life
from benchmarks.chaos_run.boundary import Fuse
from benchmarks.chaos_run.child import Child, born
from benchmarks.chaos_run.evidence import Did, Remains, gathered, left_by
from benchmarks.chaos_run.judge import judged
from benchmarks.chaos_run.person import answer_all, answer_early
from benchmarks.chaos_run.stage import Stage
from benchmarks.chaos_run.trial import Fault, Kill, Trial, Verdict

LIFE_SECONDS: Final = 60.0
"""A life that takes longer hangs."""


class Astray(Exception):
    """A run that does not get to its end."""


def tried(trial: Trial, template: Path, folder: Path) -> Verdict:
    """Make the run. Nothing of it is left in `folder`."""
    began = time.monotonic()
    stage = Stage(folder=folder / f"run-{trial.number}", scenario=trial.scenario)
    stage.build(template)
    lives = Lives(trial, stage)
    outcome: str | None = None
    try:
        lives.to_the_end()
        evidence = asyncio.run(gathered(stage, lives.remains, frozenset(lives.in_doubt), frozenset(lives.settled)))
        faults, outcome = judged(evidence), evidence.outcome
    except Astray as error:
        faults = [Fault(kind="wrong_outcome", what=str(error))]
    finally:
        shutil.rmtree(stage.folder)
    return Verdict(
        trial=trial,
        lives=lives.crossed,
        killed_at=lives.killed_at,
        outcome=outcome,
        faults=faults,
        seconds=time.monotonic() - began,
    )


@dataclass
class Lives:
    """The lives of one run."""

    trial: Trial
    stage: Stage
    crossed: list[int] = field(default_factory=list)
    killed_at: list[str] = field(default_factory=list)
    remains: list[Remains] = field(default_factory=list)
    in_doubt: set[Did] = field(default_factory=set)
    settled: set[Did] = field(default_factory=set)

    def to_the_end(self) -> None:
        """Raises Astray when it is not reached in as many lives as kills and questions account for."""
        questions = len(list(self.trial.scenario.all_turns()))
        for _ in range(len(self.trial.kills) + questions + 1):
            match self._one():
                case life.ENDED:
                    return
                case life.SUSPENDED:
                    asyncio.run(self._between(suspended=True))
                case killed if killed == -signal.SIGKILL:
                    asyncio.run(self._between(suspended=False))
                case _:
                    raise Astray(f"life {len(self.crossed)} raised: {self.stage.error.read_text()}")
        raise Astray(f"it was not over after {len(self.crossed)} lives")

    def _one(self) -> int:
        """One life; returns its exit code, negative where a signal ended it."""
        number = len(self.crossed)
        kill = self.trial.kills[number] if number < len(self.trial.kills) else Kill()
        before = len(self._trace())
        child = self._begun(kill, number)
        code = child.ended(LIFE_SECONDS if kill.seconds is None else kill.seconds)
        trace = self._trace()
        self.crossed.append(len(trace) - before)
        if code == -signal.SIGKILL:
            if not kill:
                raise Astray(f"life {number + 1} hangs after {trace[-1:]}")
            self.killed_at.append(trace[-1] if self.crossed[-1] else "birth")
        return code

    def _begun(self, kill: Kill, number: int) -> Child:
        """Without a clock everything happens in one thread, in the order that the seed gives."""
        turns = random.Random(f"{self.trial.seed} {self.trial.number} {number}") if kill.seconds is None else None
        fuse = Fuse(trace=self.stage.trace, at=kill.boundary)
        return born(lambda: life.live(self.stage, fuse, turns))

    def _trace(self) -> list[str]:
        return self.stage.trace.read_text().splitlines() if self.stage.trace.exists() else []

    async def _between(self, *, suspended: bool) -> None:
        """Look at what the life has left, and answer."""
        async with self.stage.ledger(random.Random(0)) as ledger:
            left = await left_by(self.stage, ledger)
            self.in_doubt |= left.in_doubt
            self.settled -= left.in_doubt
            self.remains.append(left)
            if suspended:
                await answer_all(self.stage, ledger)
            elif self.trial.answers_the_dead:
                settled = await answer_early(self.stage, ledger)
                self.settled |= settled
                self.in_doubt -= settled
