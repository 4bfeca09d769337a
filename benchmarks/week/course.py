"""A week alone: how does it go? The house's own rounds every half hour of seven days, and every run that they ask for."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from benchmarks.week.attacks import attacked, in_the_way
from benchmarks.week.clock import Clock, aged
from benchmarks.week.faults import Fault, Plan, Trouble
from benchmarks.week.house import CLOCK, take_seams
from benchmarks.week.judge import Before, World
from benchmarks.week.life import lived
from benchmarks.week.mail import delivered
from benchmarks.week.person import ANNA, Answers
from benchmarks.week.thinker import Thinker
from midwatch.halt import Target
from midwatch.ledger import Ledger
from midwatch.spec import DayLimits

EVERY: Final = timedelta(minutes=30)
AFTER: Final = timedelta(seconds=31)
"""The keeper makes a run for a slot when Prefect has made none for half a minute."""
MOST_LIVES: Final = 12
"""Of one run between two looks at the clock."""
LATER: Final = timedelta(minutes=1)
"""Added to the real moment, so that what lost its process is not waited for."""
IN_A_PROCESS: Final[frozenset[Fault]] = frozenset({"killed", "disk_full"})
OLD: Final = timedelta(days=10)


@dataclass(kw_only=True)
class Seen:
    """One run, as it was seen from outside."""

    agent: str
    instant: datetime | None
    fault: Fault
    before: Before
    lives: int = 0
    requests: int = 0
    seconds: float = 0.0
    """Of this machine, over all its lives."""
    wrong: list[str] | None = None
    """How the world was when it ended; None until then."""


@dataclass(kw_only=True)
class Course:
    """The week."""

    plan: Plan
    began: datetime
    days: int
    clock: Clock
    client: Any
    ledger: Ledger
    world: World
    thinker: Thinker
    environment: Mapping[str, str]
    say: Callable[[str], None]
    runs: dict[UUID, Seen] = field(default_factory=dict)
    mail: dict[str, str] = field(default_factory=dict)
    """Everything that was delivered: SHA-256 by name."""
    sent: list[tuple[datetime, str]] = field(default_factory=list)
    failing: list[str] = field(default_factory=list)
    """What duties of the keeper said when they failed."""
    now_in: Trouble | None = None
    brought: set[int] = field(default_factory=set)
    """Deliveries, by their number."""

    async def go(self, answers: Answers) -> None:
        """From the first midnight to the last, and on until nothing waits any more."""
        self._prepare(answers)
        at, end = self.began - 2 * EVERY, self.began + timedelta(days=self.days)
        while at < end + timedelta(days=1) and (at < end or await self._waits()):
            at += EVERY
            if self.plan.trouble(at) == "asleep":
                continue
            self.clock.put_forward(at + AFTER)
            await self._trouble(self.plan.trouble(self.clock.now()), by=ANNA.name)
            if at < end:
                self._bring(at)
            answered = await answers.look(self.client, self.clock.now())
            await self._rounds(over=at >= end, anew=answered)
            await self._notifier.one_round(self._told)
            if at.hour == 0 and at.minute == 0:
                self.say(f"{at:%a %d %b}: {len(self.runs)} runs, {len(self.sent)} interruptions")

    def _prepare(self, answers: Answers) -> None:
        from cli.duty import Duty, Rounds
        from cli.keeper import OF_RUNS
        from cli.slot_duty import keep_slots
        from cli.watches import BreakerWatch, SilenceWatch
        from tasks.harness.place import place
        from tasks.notices.round import Notifier, Told

        take_seams(self.clock)
        self.place, self.answers = place(os.environ), answers
        watches: tuple[Duty, ...] = (BreakerWatch(), SilenceWatch())
        self._duties, self._without_slots = (*OF_RUNS, keep_slots, *watches), (*OF_RUNS, *watches)
        self._rounds_of_keeper = Rounds(client=self.client, ledger=self.ledger, here=self.place)
        self._told = [Told(person=ANNA, channels=("week/week",))]
        self._notifier = Notifier(ledger=self.ledger, link_to=self._link, send=self._send, clock=self.clock.now)

    async def _link(self, situation: Any, _person: str) -> str:
        return f"midwatch show {situation.subjects[0].run_id}"

    async def _send(self, _channel: str, subject: str, _body: str) -> None:
        self.sent.append((self.clock.now(), subject))

    async def _waits(self) -> bool:
        return bool(await self.ledger.open_asks())

    # --- what comes from outside ---

    async def _trouble(self, trouble: Trouble | None, *, by: str) -> None:
        """A person's halt, and what they let all agents spend, begin and end."""
        from tasks.permissions.halting import lift, set_halt

        before, self.now_in = self.now_in, trouble
        if before == trouble:
            return
        self.say(f"{self.clock.now():%a %H:%M}: {before or 'quiet'} -> {trouble or 'quiet'}")
        home, everything = self.place.home, Target("all")
        if trouble == "halted":
            said = {"by": by, "via": "cli", "because": "I want to look at something"}
            await set_halt(home, self.ledger, everything, now=self.clock.now(), **said)
        elif before == "halted":
            await lift(home, self.ledger, everything, by=by, via="cli")
        if trouble == "budget_spent":
            await self.ledger.set_house_limits(DayLimits(steps=1), by=by, because="it costs too much today")
        elif before == "budget_spent":
            await self.ledger.set_house_limits(DayLimits(), by=by, because="a new day")

    def _bring(self, at: datetime) -> None:
        """Mail, and files that were left lying about."""
        for number, one in enumerate(self.plan.deliveries):
            if one.at <= at and number not in self.brought:
                self.brought.add(number)
                names = delivered(self.world.project, number, one.names)
                inbox = self.world.before("inbox-triage", 0).inbox
                self.mail |= {name: inbox[name] for name in names}
        for day, count in enumerate(self.plan.old_files):
            if at == self.began + timedelta(days=day, hours=1):
                for number in range(count):
                    path = self.world.temporary / f"old-{day}-{number}.log"
                    path.write_text("left behind\n" * 100)
                    long_ago = (self.clock.now() - OLD).timestamp()
                    os.utime(path, (long_ago, long_ago))

    # --- what the house does ---

    async def _rounds(self, *, over: bool, anew: bool) -> None:
        """As the keeper does, and what comes of it, until nothing is to be done now. No slot is new once the week is over."""
        from cli.keeper import one_round
        from tasks.harness.revive import revive_lost_runs

        duties, rounds = self._without_slots if over else self._duties, self._rounds_of_keeper
        for _ in range(MOST_LIVES):
            done = await one_round(duties, rounds, self.clock.now())
            self.failing += [f"{self.clock.now():%a %H:%M} {name}" for name in rounds.failing]
            if not (done or anew):
                return
            await revive_lost_runs(self.client, self.ledger, self.place.locks, datetime.now(UTC) + LATER)
            due = await self._due()
            for run_id in due:
                await self._live(run_id)
            anew = bool(due)

    async def _due(self) -> list[UUID]:
        """Runs that a worker would start now; those that Prefect makes for the real future are none."""
        from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
        from prefect.client.schemas.objects import StateType

        kind = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        found = await self.client.read_flow_runs(flow_run_filter=FlowRunFilter(state=kind))
        return [run.id for run in sorted(found, key=lambda one: one.created) if not run.auto_scheduled]

    async def _live(self, run_id: UUID) -> None:
        seen = self.runs.get(run_id) or await self._first(run_id)
        fault, since, asked = (seen.fault if not seen.lives else "none"), time.time(), self.thinker.served
        if seen.lives and seen.fault not in IN_A_PROCESS:
            fault = seen.fault  # a model goes on as it is
        self.thinker.begin(fault, at=0 if seen.lives else 1)
        self.clock.rule()
        seen.lives += 1
        with self._in_the_way(seen):
            if fault in (*IN_A_PROCESS, "ledger_locked") and seen.lives == 1:
                environment = {**self.environment, CLOCK: self.clock.written()}
                log = self.place.home / "logs" / "lives.log"
                await attacked(run_id, fault, self.thinker, environment, self.place.home, log)
            else:
                await lived(run_id)
        aged((self.world.project / "mail", self.world.project / "reports"), since, self.clock)
        seen.requests, seen.seconds = seen.requests + self.thinker.served - asked, seen.seconds + time.time() - since
        row = await self.ledger.run(str(run_id))
        if row is not None and row.outcome is not None and seen.wrong is None:
            report = f"reports/{row.started_at.astimezone():%Y-%m-%d}.md"
            seen.wrong = self.world.wrong(seen.agent, seen.before, report)

    async def _first(self, run_id: UUID) -> Seen:
        from tasks.triggers.slot import slot_of

        run = await self.client.read_flow_run(run_id)
        agent, instant = str(run.parameters["agent"]), slot_of(run).instant
        fault = self.plan.faults.get((agent, instant), "none") if instant else "none"
        seen = Seen(agent=agent, instant=instant, fault=fault, before=self.world.before(agent, time.time()))
        self.runs[run_id] = seen
        return seen

    def _in_the_way(self, seen: Seen) -> AbstractContextManager[None]:
        if seen.fault != "tool_throws":
            return nullcontext()
        if seen.agent == "inbox-triage":
            return in_the_way(self.world.project / "mail" / "drafts", folder=False)
        return in_the_way(self.world.project / f"reports/{self.clock.now().astimezone():%Y-%m-%d}.md", folder=True)
