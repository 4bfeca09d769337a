"""What becomes of a night's slots while everything goes wrong? The real ledger, the real keeper's round, the real admission.

Prefect is a model (`prefect_model.py`), and time is a number. One night may see the machine sleep, the keeper die, two keepers
at once, the worker away, a deployment changed, a breaker open, a halt, and runs that crash and go on.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, cast
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Scheduled as ScheduledState

from benchmarks.slots.prefect_model import Killed, PrefectModel
from benchmarks.slots.week import CHANGED, Scheduled, Spec, slots_of, write_agents
from midwatch.agents import Agents
from midwatch.breaker import Row
from midwatch.halt import Target
from midwatch.ledger import Ledger
from midwatch.slots import OPEN, Stopped
from tasks.triggers.admission import admit_beside
from tasks.triggers.books import Books
from tasks.triggers.keeping import SlotRound
from tasks.triggers.schedules import held_by_breakers
from tasks.triggers.slot import slot_of

MINUTE: Final = timedelta(minutes=1)
REVIVED_AFTER: Final = timedelta(seconds=15)
DEADLY: Final = 0.002
"""How likely a request to Prefect is the last of whoever makes it."""


@dataclass(frozen=True, kw_only=True)
class Score:
    """One night, counted."""

    expected: int
    accounted: int
    double: int
    """Slots that two runs worked for, or one although the slot says otherwise."""
    lost: int
    """Slots without an account."""
    strange: int
    """Accounts of slots that no schedule had."""
    states: dict[str, int]
    refused_runs: int
    """Runs of Prefect that may not have begun, and did not."""
    troubles: dict[str, int]


@dataclass
class Stood:
    """A schedule as it really stood."""

    agent: str
    spec: Spec
    since: datetime
    until: datetime | None = None


@dataclass(kw_only=True)
class Night:
    """One night; `live` goes through it."""

    seed: random.Random
    model: PrefectModel
    ledger: Ledger
    home: Path
    agents: tuple[Scheduled, ...]
    end: datetime
    worked: dict[tuple[str, datetime], set[str]] = field(default_factory=lambda: defaultdict(set))
    ends: dict[UUID, datetime] = field(default_factory=dict)
    stood: list[Stood] = field(default_factory=list)
    troubles: Counter[str] = field(default_factory=Counter)
    keepers: int = 1
    worker: bool = True
    refused: int = 0
    plan: list[tuple[datetime, Callable[[], Any]]] = field(default_factory=list)

    async def live(self) -> Score:
        """From the deployment to the morning, and until nothing waits any more."""
        began = self.model.now
        write_agents(self.home / "agents", self.agents)
        for agent in self.agents:
            self._deploy(agent.name, agent.specs)
        await self._round()
        self._plan(began)
        while self.model.now < self.end:
            await self._step()
        self.model.deadly, self.keepers, self.worker = 0.0, 1, True
        morning = self.end + timedelta(hours=6)
        while self.model.now < morning and await self._waits():
            await self._step()
        return await self._score(began)

    async def _waits(self) -> bool:
        """Whether a slot of the night is still to be run."""
        waiting = await self.ledger.waiting_slots()
        return any(one.instant < self.end for slots in waiting.values() for one in slots)

    async def _step(self) -> None:
        self.model.now += timedelta(seconds=self.seed.uniform(5, 100))
        while self.plan and self.plan[0][0] <= self.model.now:
            done = self.plan.pop(0)[1]()
            if asyncio.iscoroutine(done):
                await done
        self.model.schedule()
        for run_id, at in list(self.ends.items()):
            if at <= self.model.now:
                self._over(run_id)
        lives = [self._life(run) for run in self.model.startable() if self.worker and self.model.start(run)]
        await asyncio.gather(*lives, *(self._round() for _ in range(self.keepers)))

    async def _round(self) -> None:
        """One round of a keeper, which may die in it."""
        halts = await self.ledger.halts_in_force()
        try:
            await SlotRound(
                client=cast("PrefectClient", self.model),
                ledger=self.ledger,
                agents=Agents(folder=self.home / "agents"),
                now=self.model.now,
                held=await held_by_breakers(self.ledger),
                stopped=lambda agent: _stopped(agent, {halt.name for halt in halts}),
                halt=self._halt_run,
            ).run()
        except Killed:
            self.troubles["keeper killed"] += 1

    async def _life(self, run: FlowRun) -> None:
        """A run's process: it is let in, or ends at once; it may die on the way."""
        agent, slot = str(run.parameters["agent"]), slot_of(run)
        policy = next(one.policy for one in self.agents if one.name == agent)
        books = Books(ledger=self.ledger, agent=agent, policy=policy)
        try:
            claim = await admit_beside(cast("PrefectClient", self.model), books, slot, str(run.id), self.model.now)
        except Killed:
            self._crashed(run.id)
            return
        if not claim.won:
            self.refused += 1
            self.model.turn(run.id, State(type=StateType.CANCELLED, name="Skipped"))
            return
        assert slot.instant is not None
        self.worked[agent, slot.instant].add(str(run.id))
        if self.seed.random() < 0.02 and run.run_count == 0:
            why = Stopped(why="budget", reason="the day's budget is spent")
            await self.ledger.refuse_slot(agent, slot.name, str(run.id), why)
            self.worked[agent, slot.instant].discard(str(run.id))
            self.model.turn(run.id, State(type=StateType.FAILED, name="blocked"))
        elif self.seed.random() < 0.05:
            self._crashed(run.id)
        else:
            low, high = next(one.minutes for one in self.agents if one.name == agent)
            self.ends[run.id] = self.model.now + self.seed.uniform(low, high) * MINUTE

    def _crashed(self, run_id: UUID) -> None:
        """Its process is gone, and it is sent on its way again under the same id."""
        self.troubles["run crashed"] += 1
        self.model.turn(run_id, ScheduledState(scheduled_time=self.model.now + REVIVED_AFTER, message="revived"))

    def _over(self, run_id: UUID) -> None:
        del self.ends[run_id]
        self.model.turn(run_id, State(type=StateType.COMPLETED, name="verified"))

    async def _halt_run(self, _agent: str, run_id: str) -> None:
        self.troubles["run replaced"] += 1
        self.ends[UUID(run_id)] = self.model.now

    # What goes wrong

    def _plan(self, began: datetime) -> None:
        seconds = (self.end - began).total_seconds()
        kinds: list[Callable[[datetime], None]] = [
            self._sleep,
            self._sleep,
            self._sleep,
            self._no_keeper,
            self._no_keeper,
        ]
        kinds += [self._two_keepers, self._no_worker, self._redeploy, self._redeploy, self._redeploy_changed]
        kinds += [self._breaker, self._halt]
        for kind in kinds:
            kind(began + timedelta(seconds=self.seed.uniform(0.05, 0.9) * seconds))
        self.plan.sort(key=lambda planned: planned[0])
        self.model.deadly = DEADLY

    def _at(self, moment: datetime, what: Callable[[], Any]) -> None:
        self.plan.append((moment, what))

    def _sleep(self, at: datetime) -> None:
        def asleep() -> None:
            self.troubles["sleep"] += 1
            self.model.now += timedelta(minutes=self.seed.choice([3, 12, 45, 130]) * self.seed.uniform(0.7, 1.4))

        self._at(at, asleep)

    def _no_keeper(self, at: datetime) -> None:
        self.troubles["keeper away"] += 1
        self._at(at, lambda: setattr(self, "keepers", 0))
        self._at(at + self.seed.uniform(1, 40) * MINUTE, lambda: setattr(self, "keepers", 1))

    def _two_keepers(self, at: datetime) -> None:
        self.troubles["two keepers"] += 1
        self._at(at, lambda: setattr(self, "keepers", 2))
        self._at(at + 90 * MINUTE, lambda: setattr(self, "keepers", 1))

    def _no_worker(self, at: datetime) -> None:
        self.troubles["worker away"] += 1
        self._at(at, lambda: setattr(self, "worker", False))
        self._at(at + self.seed.uniform(5, 60) * MINUTE, lambda: setattr(self, "worker", True))

    def _redeploy(self, at: datetime) -> None:
        agent = self.seed.choice(self.agents)
        self.troubles["redeployed as it was"] += 1

        def again() -> None:
            standing = next(one for one in self.model.deployments.values() if one.agent == agent.name)
            self.model.deploy(agent.name, standing.specs)

        self._at(at, again)

    def _redeploy_changed(self, at: datetime) -> None:
        agent = self.seed.choice([one.name for one in self.agents if one.name in CHANGED] or [self.agents[0].name])
        self.troubles["redeployed with another schedule"] += 1
        self._at(at, lambda: self._deploy(agent, CHANGED.get(agent, ())))

    def _breaker(self, at: datetime) -> None:
        self.troubles["breaker"] += 1
        deployment = self.seed.choice(list(self.model.deployments))
        agent = self.model.deployments[deployment].agent

        async def opens() -> None:
            why, probe_at = Row(cause="failed: a test", failures=3), self.model.now + timedelta(days=1)
            await self.ledger.open_breaker(agent, why, last_run="none", probe_at=probe_at)
            await self.ledger.breaker_pauses(agent, [str(deployment)])
            self.model.pause(deployment, paused=True)

        async def closes() -> None:
            await self.ledger.close_breaker(agent, by="a person", because="mended")
            self.model.pause(deployment, paused=False)

        self._at(at, opens)
        self._at(at + self.seed.uniform(30, 120) * MINUTE, closes)

    def _halt(self, at: datetime) -> None:
        self.troubles["halt"] += 1
        target = Target("agent", self.seed.choice(self.agents).name)
        said = {"by": "a person", "via": "cli", "because": "a test"}
        self._at(at, lambda: self.ledger.halt(target, **said))
        self._at(at + self.seed.uniform(20, 90) * MINUTE, lambda: self.ledger.lift_halt(target, **said))

    def _deploy(self, agent: str, specs: tuple[Spec, ...]) -> None:
        for one in self.stood:
            if one.agent == agent and one.until is None:
                one.until = self.model.now
        self.stood += [Stood(agent=agent, spec=spec, since=self.model.now) for spec in specs]
        self.model.deploy(agent, specs)

    async def _score(self, began: datetime) -> Score:
        expected: set[tuple[str, datetime]] = set()
        for one in self.stood:
            until = min(one.until or self.end, self.end)
            expected |= {(one.agent, instant) for instant in await slots_of(one.spec, one.since, until)}
        rows = {
            (row.agent, row.instant): row
            for agent in self.agents
            for row in await self.ledger.slots_between(agent.name, began, self.end)
            if row.instant is not None
        }
        closed = {key for key, row in rows.items() if row.state not in OPEN}
        wrong = [
            key
            for key, runs in self.worked.items()
            if len(runs) > 1 or (runs and key in rows and {rows[key].run_id} != runs)
        ]
        return Score(
            expected=len(expected),
            accounted=len(expected & closed),
            double=len(wrong),
            lost=len(expected - closed),
            strange=len(rows.keys() - expected),
            states=dict(sorted(Counter(f"{row.state} {row.why}".strip() for row in rows.values()).items())),
            refused_runs=self.refused,
            troubles=dict(sorted(self.troubles.items())),
        )


def _stopped(agent: str, halted: set[str]) -> Stopped | None:
    return Stopped(why="halt", reason=f"agent {agent} was halted") if agent in halted else None
