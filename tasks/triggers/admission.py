"""Trigger: may this run begin? Asked once, before anything else; whoever may not ends at once, cancelled, and says why."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any, Final

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import PrefectHTTPStatusError

from midwatch.agents import Agents
from midwatch.errors import Interrupted
from midwatch.judgment import Ending, Loop
from midwatch.ledger import Ledger, SlotClaim
from midwatch.slots import Account, SlotWhy, Stopped
from tasks.step.deployments import deployments_of_agents
from tasks.triggers.books import Books, schedule_policy
from tasks.triggers.schedules import going_of, held_by_breakers, runs_at_work, see
from tasks.triggers.slot import Slot

_WHY: Final[dict[Loop, SlotWhy]] = {"denied": "level", "no_budget": "budget", "halted": "halt", "held_off": "breaker"}
"""Why a run was refused that had its slot, by how its loop ended before it began."""


async def admit(agent: str, slot: Slot, run_id: str, ledger: Ledger, agents: Path, now: datetime) -> SlotClaim:
    """Take the slot, if it is this run's to take.

    Raises:
        Interrupted: Prefect cannot be asked; the run is sent on its way again.
    """
    standing = await ledger.slot(agent, slot.name)
    if slot.instant is None or (standing is not None and standing.run_id == run_id):
        return await ledger.claim_slot(agent, slot.name, run_id)
    books = Books(ledger=ledger, agent=agent, policy=schedule_policy(agent, Agents(folder=agents)))
    try:
        async with get_client() as client:
            return await admit_beside(client, books, slot, run_id, now)
    except (httpx.HTTPError, PrefectHTTPStatusError) as error:
        raise Interrupted(f"Prefect could not be asked whether this slot's turn has come: {error}") from error


async def admit_beside(client: PrefectClient, books: Books, slot: Slot, run_id: str, now: datetime) -> SlotClaim:
    """Take a schedule's slot, by the schedules that stand in Prefect now and who else of the agent is at work there."""
    ledger, agent = books.ledger, books.agent
    held = await held_by_breakers(ledger)
    await see(ledger, await deployments_of_agents(client), held.keys(), now)
    waiting = (await ledger.waiting_slots()).get(agent, [])
    unclaimed = waiting if slot.instant is None else [*waiting, Account(instant=slot.instant)]
    going = going_of(agent, await runs_at_work(client), unclaimed, but=run_id)
    return await books.admit(slot, run_id, now, going=going)


def not_begun(agent: str, slot: Slot, claim: SlotClaim) -> State[Any]:
    """How Prefect shows a run that may not begin: never green, and no failure either."""
    if claim.holder:
        message = f"slot `{slot.name}` of {agent} is taken by run {claim.holder}; this second start does nothing"
        return State(type=StateType.CANCELLED, name="Duplicate", message=message)
    name = "Missed" if claim.state == "missed" else "Skipped"
    return State(type=StateType.CANCELLED, name=name, message=f"slot `{slot.name}` of {agent}: {claim.reason}")


async def refused(agent: str, slot: Slot, run_id: str, ledger: Ledger, ending: Ending) -> None:
    """The run has its slot and may not work: its level, a budget, a halt or its breaker is the slot's reason too.

    One that has begun in an earlier life has filled its slot.
    """
    why = _WHY.get(ending.loop)
    if slot.instant is not None and why is not None and not await ledger.steps_of(run_id):
        await ledger.refuse_slot(agent, slot.name, run_id, Stopped(why=why, reason=ending.reason))
