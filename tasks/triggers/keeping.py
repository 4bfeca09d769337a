"""Trigger: does every slot get its run, and no more than one? The keeper's round over the slots of all agents.

Prefect makes runs ahead, for the future alone, and takes them away when a deployment changes. So a slot that was decided to run
and has no run in Prefect gets one, and a run of a slot that is skipped or missed is cancelled. Good as often as one likes.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State, StateType
from prefect.states import Scheduled

from midwatch.agents import Agents
from midwatch.ledger import Accounting, Due, Ledger, ScheduleRow
from midwatch.slots import OPEN, Account, Stopped, begins, slot_name
from midwatch.triggers import SchedulePolicy
from tasks.step.deployments import deployments_of_agents
from tasks.triggers.books import Books, schedule_policy
from tasks.triggers.calendar import due_slots, schedule_at
from tasks.triggers.schedules import going_of, runs_at_work, runs_of_slots, see
from tasks.triggers.slot import idempotency_key, slot_of

LOOK_EVERY: Final = timedelta(seconds=60)
"""At the slots of an agent for which nothing is due: so that the ledger knows that somebody was there."""
AGAIN: Final = timedelta(seconds=15)
"""At those of an agent whose runs are still to begin."""
OVERDUE: Final = timedelta(seconds=30)
"""A slot without a run in Prefect gets one when its instant is so long ago: Prefect's own may still be on its way."""
AHEAD: Final = timedelta(hours=2)
"""Runs that Prefect has made for so long ahead are moved by their jitter."""
TOO_NEAR: Final = timedelta(seconds=30)
"""A worker takes a run ten seconds ahead: what is so near is not moved any more."""
CLOCK: Final = "clock:"
"""How the key of an alarm begins; the agent's name follows."""
BEFORE_US: Final = timedelta(minutes=5)
"""So far ahead of now a look may lie, from another machine's clock."""
NAMES: Final = {"skipped": "Skipped", "missed": "Missed"}
"""Of the state in Prefect of a run whose slot is closed."""

StoppedNow = Callable[[str], Stopped | None]
Halt = Callable[[str, str], Awaitable[None]]


@dataclass(kw_only=True)
class SlotRound:
    """One look at every agent's slots."""

    client: PrefectClient
    ledger: Ledger
    agents: Agents
    now: datetime
    held: Mapping[str, Stopped] = field(default_factory=dict)
    """By deployment, the breaker that has paused it."""
    stopped: StoppedNow = lambda _agent: None
    """Why an agent may not run at all now."""
    halt: Halt | None = None
    """Halts a run, and says why."""
    done: list[str] = field(default_factory=list)
    told: frozenset[str] = frozenset()
    """Agents of which people know that a clock was ahead."""

    async def run(self) -> list[str]:
        """Account for everything that is due; returns what was done, a line each."""
        waiting = await self.ledger.waiting_slots()
        alarms = await self.ledger.open_alarms()
        self.told = frozenset(alarm.agent for alarm in alarms if alarm.key.startswith(CLOCK))
        known = {row.schedule.agent for row in await self.ledger.schedules_standing()} | waiting.keys()
        if known and not [one for one in known if await self._look(one, waiting.get(one, []))]:
            return []  # Prefect takes tens of milliseconds to read a schedule
        deployments = await see(self.ledger, await deployments_of_agents(self.client), self.held.keys(), self.now)
        for agent in sorted({*deployments, *waiting}):
            if (due := await self._look(agent, waiting.get(agent, []))) is not None:
                await self._agent(agent, deployments.get(agent, set()), waiting.get(agent, []), due)
        return self.done

    async def _look(self, agent: str, waiting: Sequence[Account]) -> Due | None:
        """What has come due; None where it is not yet time to look."""
        looked = await self.ledger.slot_looked(agent)
        await self._tell_of_clock(agent, looked or self.now)
        due = due_slots(await self.ledger.schedules_of(agent, looked), looked, self.now)
        if looked is None or due.instants or due.held:
            return due
        return due if self.now - looked >= (AGAIN if waiting else LOOK_EVERY) else None

    async def _tell_of_clock(self, agent: str, looked: datetime) -> None:
        ahead = looked - self.now > BEFORE_US
        if ahead and agent not in self.told:
            what = (
                f"{agent} runs by no schedule before {looked:%Y-%m-%d %H:%M} UTC: a clock was ahead, and what was "
                f"due until then counts as over. Set the clock by the network; start what is needed with `midwatch run {agent}`"
            )
            await self.ledger.raise_alarm(f"{CLOCK}{agent}", agent=agent, severity="urgent", what=what)
        elif agent in self.told and not ahead:
            await self.ledger.end_alarm(f"{CLOCK}{agent}", "its schedule is looked at again")

    async def _agent(self, agent: str, deployments: Collection[UUID], waiting: Sequence[Account], due: Due) -> None:
        books = Books(ledger=self.ledger, agent=agent, policy=schedule_policy(agent, self.agents))
        going = None
        if waiting or due.instants:
            unclaimed = [*waiting, *(Account(instant=instant) for instant in due.instants)]
            going = going_of(agent, await runs_at_work(self.client), unclaimed)
        found = await books.account(
            self.now, going=going, stopped=self.stopped(agent), held_by=self._held_by(deployments)
        )
        self.done += [f"{one.state}: {slot_name(one.instant)} of {agent}: {one.reason}" for one in found.changed]
        if found.replaces is not None and self.halt is not None:
            await self.halt(agent, found.replaces)
        if found.changed or found.waiting:
            await self._settle(agent, deployments, found, books.policy)
        if books.policy.jitter_seconds:
            await self._spread(agent, deployments, books.policy)

    def _held_by(self, deployments: Collection[UUID]) -> Stopped | None:
        return next((self.held[str(one)] for one in deployments if str(one) in self.held), None)

    async def _settle(
        self, agent: str, deployments: Collection[UUID], found: Accounting, policy: SchedulePolicy
    ) -> None:
        """Prefect's runs as the ledger has decided."""
        rows = await self.ledger.schedules_of(agent)
        mine = {*deployments, *(UUID(row.schedule.deployment_id) for row in rows)}
        oldest = min(one.instant for one in (*found.changed, *found.waiting))
        by_slot: dict[datetime, list[FlowRun]] = {}
        latest = self.now + LOOK_EVERY + timedelta(seconds=policy.jitter_seconds)
        for run in await runs_of_slots(self.client, mine, oldest, latest):
            if (instant := slot_of(run).instant) is not None and run.parameters.get("agent") == agent:
                by_slot.setdefault(instant, []).append(run)
        for account in found.changed:
            if account.state not in OPEN:
                await self._cancel(account, by_slot.get(account.instant, []))
        for account in found.waiting:
            await self._provide(agent, account, by_slot.get(account.instant, []), rows, policy)

    async def _cancel(self, account: Account, runs: Sequence[FlowRun]) -> None:
        """One that starts all the same finds its slot closed, and ends at once."""
        for run in runs:
            if run.state is not None and run.state.type == StateType.SCHEDULED and not run.run_count:
                ended = State(type=StateType.CANCELLED, name=NAMES[account.state], message=account.reason)
                await self.client.set_flow_run_state(run.id, ended)

    async def _provide(
        self, agent: str, account: Account, runs: Sequence[FlowRun], rows: Sequence[ScheduleRow], policy: SchedulePolicy
    ) -> None:
        """A slot that is to run has a run that can still begin."""
        if any(not _over(run) for run in runs):
            return
        if runs:
            await self._over_unclaimed(agent, account, runs[-1])
            return
        begin = begins(agent, account.instant, policy)
        if account.state != "late" and self.now - begin < OVERDUE:
            return
        schedule = schedule_at(rows, account.instant)
        if schedule is None or schedule not in {row.schedule for row in rows if row.until is None}:
            reason = "its schedule was paused, changed or taken away before it began"
            await self._close(agent, Account(instant=account.instant, state="skipped", why="cancelled", reason=reason))
            return
        offset = begin - account.instant if account.state == "late" else timedelta()
        run = await self.client.create_flow_run_from_deployment(
            UUID(schedule.deployment_id),
            parameters=json.loads(schedule.parameters_json),
            idempotency_key=idempotency_key(agent, account.instant),
            state=Scheduled(scheduled_time=max(begin, self.now + offset), message=account.reason or "its run was gone"),
            tags=["caught-up"],
        )
        self.done.append(f"run {run.id} of {agent} made for {slot_name(account.instant)}")

    async def _over_unclaimed(self, agent: str, account: Account, run: FlowRun) -> None:
        """Its run has ended and never claimed it: a person cancelled it, or it failed before its first line."""
        said = run.state.message if run.state is not None and run.state.message else run.state_name or ""
        if run.state is not None and run.state.is_cancelled():
            reason = f"its run was cancelled before it began: {said}"
            await self._close(agent, Account(instant=account.instant, state="skipped", why="cancelled", reason=reason))
        else:
            failed = Account(instant=account.instant, state="ran", reason=f"failed before it began: {said}")
            await self._close(agent, failed, str(run.id))

    async def _close(self, agent: str, account: Account, run_id: str = "") -> None:
        if await self.ledger.close_slot(agent, account, run_id):
            self.done.append(f"{account.state}: {slot_name(account.instant)} of {agent}: {account.reason}")

    async def _spread(self, agent: str, deployments: Collection[UUID], policy: SchedulePolicy) -> None:
        """Move the runs that Prefect has made ahead, each by its jitter."""
        for run in await runs_of_slots(self.client, deployments, self.now + TOO_NEAR, self.now + AHEAD):
            instant = slot_of(run).instant
            if instant is None or run.state is None or run.state.name != "Scheduled" or not run.auto_scheduled:
                continue
            planned, begin = run.state.state_details.scheduled_time, begins(agent, instant, policy)
            if run.parameters.get("agent") == agent and planned != begin:
                message = f"{(begin - instant).seconds} s after its instant, by its jitter"
                await self.client.set_flow_run_state(run.id, Scheduled(scheduled_time=begin, message=message))


def _over(run: FlowRun) -> bool:
    """Whether it will never begin; one that crashed is sent on its way again."""
    return run.state is not None and run.state.is_final() and not run.state.is_crashed()
