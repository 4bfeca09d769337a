"""Trigger: how are the slots of an agent accounted for, and which run may begin? The keeper and every run do it alike.

Whoever comes first enters what has come due and decides; the other finds it done. Nothing here speaks to Prefect.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from midwatch.agents import Agents
from midwatch.errors import LedgerError
from midwatch.ledger import Accounting, Ledger, SlotClaim
from midwatch.slots import OPEN, Account, Around, Going, Stopped, away_since
from midwatch.triggers import SchedulePolicy
from tasks.triggers.calendar import due_slots, schedule_at
from tasks.triggers.slot import Slot

EARLIEST: Final = timedelta(minutes=2)
"""Before its instant: a worker begins seconds early, and two clocks differ."""
_TRIES: Final = 20
"""As many may have looked in between; two keepers and a run or two do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The slots of one agent."""

    ledger: Ledger
    agent: str
    policy: SchedulePolicy

    async def account(
        self,
        now: datetime,
        *,
        going: Going | None = None,
        stopped: Stopped | None = None,
        held_by: Stopped | None = None,
    ) -> Accounting:
        """Enter and decide everything that has come due.

        Raises:
            LedgerError: others look at the same slots all the time.
        """
        stopped = stopped or await self._asking()
        for _ in range(_TRIES):
            looked = await self.ledger.slot_looked(self.agent)
            moment = max(now, looked) if looked is not None else now
            due = due_slots(await self.ledger.schedules_of(self.agent, looked), looked, moment)
            around = Around(now=moment, away_since=away_since(looked, moment), going=going, stopped=stopped)
            done = await self.ledger.account_slots(self.agent, due, self.policy, around, held_by)
            if done is not None:
                return done
        raise LedgerError(f"the slots of {self.agent} are looked at by others all the time; try again")

    async def _asking(self) -> Stopped | None:
        """An earlier run waits for a person, and the agent's file has the next ones wait for that."""
        if self.policy.while_asking == "run":
            return None
        asks = [ask for ask in await self.ledger.open_asks(self.agent) if ask.kind != "settle"]
        if not asks:
            return None
        return Stopped(
            why="asking", reason=f"run {asks[0].run_id} waits for a person; `midwatch inbox` shows what it asks"
        )

    async def admit(self, slot: Slot, run_id: str, now: datetime, *, going: Going | None = None) -> SlotClaim:
        """Whether a run may begin: it has its slot, the slot is one, and its turn has come."""
        if slot.instant is None:
            return await self.ledger.claim_slot(self.agent, slot.name, run_id)
        if slot.instant - now > EARLIEST:
            reason = (
                f"its slot of {self.agent} is at {slot.instant:%Y-%m-%d %H:%M:%S} UTC, and no run takes one so early"
            )
            return SlotClaim(won=False, holder="", state="skipped", reason=reason)
        standing = await self.ledger.slot(self.agent, slot.name)
        if standing is None or standing.state in OPEN:
            await self.account(now, going=going)
            standing = await self.ledger.slot(self.agent, slot.name)
        if standing is None and (refusal := await self._no_slot(slot.instant)) is not None:
            return refusal
        if going is not None and standing is not None and standing.state in OPEN and self.policy.overlap != "replace":
            await self.ledger.close_slot(self.agent, _too_soon(slot.instant, going))
        return await self.ledger.claim_slot(self.agent, slot.name, run_id, slot.instant)

    async def _no_slot(self, instant: datetime) -> SlotClaim | None:
        """A run that Prefect made and that no schedule asks for; None where no schedule is known at all."""
        rows = await self.ledger.schedules_of(self.agent)
        if not rows or schedule_at(rows, instant) is not None:
            return None
        reason = f"no schedule of {self.agent} has a slot at {instant:%Y-%m-%d %H:%M:%S} UTC, so this run does nothing"
        return SlotClaim(won=False, holder="", state="skipped", reason=reason)


def schedule_policy(agent: str, agents: Agents) -> SchedulePolicy:
    """As the agent's file says; where that cannot be read, what stands where nothing is written."""
    spec = agents.readable(agent)  # the run itself ends as failed, and says what is wrong with the file
    return spec.triggers.schedule if spec else SchedulePolicy()


def _too_soon(instant: datetime, going: Going) -> Account:
    reason = (
        f"run {going.run_id} is still going, and nothing held this one back until it has ended: "
        "its deployment needs a `concurrency_limit` of 1 with ENQUEUE in prefect.yaml"
    )
    return Account(instant=instant, state="skipped", why="overlap", reason=reason)
