"""Monitoring: which agent is silent that should not be? One without a verified run for longer than its file expects.

Prefect's server watches (a proactive automation for each such agent, made by `midwatch up`): when no verified run was
reported for so long, it starts `flows/silence.py`, which writes the alarm. The keeper ends the alarm when the agent is back,
and raises it itself where the automation did not.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from midwatch.agents import Agents
from midwatch.errors import SpecError
from midwatch.ledger import Ledger

VERIFIED: Final = "midwatch.run.verified"
"""The event of a verified run, of which a silence is the absence."""
LATE: Final = timedelta(minutes=5)
"""After the time of an expectation, the keeper raises what Prefect's automation did not."""


def resource_of(agent: str) -> str:
    """What such an event is about."""
    return f"midwatch.agent.{agent}"


def report_verified(agent: str, run_id: str, outcome: str) -> None:
    """Tell Prefect's server. Returns at once: a thread sends it, and what cannot be sent is only logged there."""
    from prefect.events import emit_event  # not above: `midwatch up` reads the names here, and starts without Prefect

    resource = {"prefect.resource.id": resource_of(agent), "prefect.resource.name": agent}
    emit_event(event=VERIFIED, resource=resource, payload={"agent": agent, "run_id": run_id, "outcome": outcome})


def expectations(agents: Agents) -> dict[str, float]:
    """Hours by agent, of those that expect something; not of a file that cannot be read (see `unreadable`)."""
    found, _ = agents.every()
    return {name: spec.expect_within_hours for name, spec in found.items() if spec.expect_within_hours}


def unreadable(agent: str, agents: Agents) -> bool:
    """Whether the agent has a file that nobody can read now: what was expected of it is expected still."""
    try:
        agents.find(agent)
    except SpecError:
        return True
    return False


def key_of(agent: str) -> str:
    """Of the alarm about its silence."""
    return f"silence:{agent}"


def words_of(hours: float | None) -> str:
    """What the alarm says; None: Prefect waited for as long as the file said when it could still be read."""
    if hours is None:
        return "has had no verified run for as long as was expected, and its file cannot be read now"
    return f"has had no verified run within {hours:g} h, as its file expects"


async def raise_silence(ledger: Ledger, agents: Path, agent: str, now: datetime) -> str:
    """An alarm, unless the ledger knows better: nothing is believed of the event alone. Returns what was done."""
    files = Agents(folder=agents)
    hours = (await asyncio.to_thread(expectations, files)).get(agent)
    if hours is None and not await asyncio.to_thread(unreadable, agent, files):
        return f"{agent}: its file expects nothing (any more)"
    last = await ledger.last_green(agent)
    if last is not None and hours is not None and now - last < timedelta(hours=hours):
        return f"{agent} had a verified run at {last:%Y-%m-%d %H:%M:%S} UTC: no alarm"
    raised = await ledger.raise_alarm(key_of(agent), agent=agent, severity="urgent", what=words_of(hours))
    return f"{agent} {words_of(hours)}: {'an alarm is raised' if raised else 'the alarm stands already'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Silences:
    """The keeper's part of it."""

    ledger: Ledger
    agents: Agents
    began: datetime
    """Since when anybody looks: an agent that never had a verified run is silent from then on."""

    async def one_round(self, now: datetime) -> list[str]:
        """Alarms that are over, and those that nobody else has raised. A round that changes nothing writes nothing."""
        wanted = await asyncio.to_thread(expectations, self.agents)
        silent = [row.agent for row in await self.ledger.open_alarms() if row.key == key_of(row.agent)]
        lines = [await self._agent(agent, hours, now, is_silent=agent in silent) for agent, hours in wanted.items()]
        unwanted = [agent for agent in silent if agent not in wanted]
        return [line for line in [*lines, *await self._no_longer_expected(unwanted)] if line]

    async def _agent(self, agent: str, hours: float, now: datetime, *, is_silent: bool) -> str:
        """Of one agent. `is_silent`: its alarm stands."""
        last, most = await self.ledger.last_green(agent), timedelta(hours=hours)
        if last is not None and now - last < most:
            back = is_silent and await self.ledger.end_alarm(key_of(agent), "it has had a verified run")
            return f"{agent} is back: a verified run" if back else ""
        if is_silent or now - (last or self.began) < most + LATE:
            return ""
        what = words_of(hours)
        raised = await self.ledger.raise_alarm(key_of(agent), agent=agent, severity="urgent", what=what)
        return f"{agent} {what}" if raised else ""

    async def _no_longer_expected(self, unwanted: Sequence[str]) -> list[str]:
        gone = [agent for agent in unwanted if not await asyncio.to_thread(unreadable, agent, self.agents)]
        why = "nothing is expected of it any more"
        return [f"{agent}: {why}" for agent in gone if await self.ledger.end_alarm(key_of(agent), why)]
