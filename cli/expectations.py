"""The house: does Prefect watch every agent of which something is expected? One proactive automation each.

Also leaves in the home what the lookout has to know, which reads neither agents' files nor Prefect's blocks.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from cli.home import House
from cli.lookout_checks import known
from cli.lookout_told import first_mail, remember
from cli.occupancy import Say
from midwatch.agents import Agents
from midwatch.errors import HouseError
from tasks.monitoring.silence import VERIFIED, expectations, resource_of, unreadable

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.events.schemas.automations import AutomationCore

DEPLOYMENT: Final = "silence/silence"
PREFIX: Final = "midwatch-silence-"
"""Of the automations' names: no other automation is touched."""


async def ensure(house: House, say: Say) -> list[str]:
    """Make, update and remove automations until they are what the agents' files say. Returns what was done."""
    from prefect.client.orchestration import get_client

    agents = Agents(folder=house.project / "agents")
    wanted = expectations(agents)
    async with get_client() as client:
        remember(house.home, expectations=_since(house, wanted, agents), mail=await first_mail(client))
        done = await _ensure(client, wanted, agents)
    for line in done:
        say(line)
    return done


def _since(house: House, wanted: Mapping[str, float], agents: Agents) -> dict[str, dict[str, float]]:
    """Each with the moment from which on it is expected, kept as long as it is, or its file cannot be read."""
    old = known(house.home).get("expectations", {})
    kept = {agent: one for agent, one in old.items() if unreadable(agent, agents)}
    return kept | {
        agent: {"hours": hours, "since": old.get(agent, {}).get("since", time.time())}
        for agent, hours in wanted.items()
    }


async def _ensure(client: PrefectClient, wanted: Mapping[str, float], agents: Agents) -> list[str]:
    there = {one.name: one for one in await client.read_automations() if one.name.startswith(PREFIX)}
    done: list[str] = []
    for agent in sorted({name.removeprefix(PREFIX) for name in there} - wanted.keys()):
        if unreadable(agent, agents):
            done.append(f"{agent} is waited for as before: its file cannot be read")
            continue
        await client.delete_automation(there[f"{PREFIX}{agent}"].id)
        done.append(f"nobody waits for {agent} any more")
    for agent, hours in wanted.items():
        core = await automation(client, agent, hours)
        standing = there.get(core.name)
        if standing is None:
            await client.create_automation(core)
            done.append(f"a verified run of {agent} is expected every {hours:g} h")
        elif not _same(standing, core):
            await client.update_automation(standing.id, core)
            done.append(f"a verified run of {agent} is expected every {hours:g} h now")
    return done


async def automation(client: PrefectClient, agent: str, hours: float) -> AutomationCore:
    """Prefect's own watch over one agent: it outlives the keeper, the worker and every run."""
    from prefect.events.actions import RunDeployment
    from prefect.events.schemas.automations import AutomationCore, EventTrigger, Posture
    from prefect.exceptions import ObjectNotFound

    try:
        deployment = await client.read_deployment_by_name(DEPLOYMENT)
    except ObjectNotFound as error:
        raise HouseError(f"prefect.yaml has no deployment {DEPLOYMENT!r}, which watches over {agent!r}") from error
    return AutomationCore(
        name=f"{PREFIX}{agent}",
        description=f"Starts the flow `silence` when {agent} has had no verified run for {hours:g} h.",
        trigger=EventTrigger(
            expect={VERIFIED},
            match={"prefect.resource.id": resource_of(agent)},
            posture=Posture.Proactive,
            threshold=1,
            within=timedelta(hours=hours),
        ),
        actions=[RunDeployment(source="selected", deployment_id=deployment.id, parameters={"agent": agent})],
    )


def _same(one: AutomationCore, other: AutomationCore) -> bool:
    """Whether an update would change nothing but begin the wait anew."""

    def facts(core: AutomationCore) -> object:
        trigger = core.trigger.model_dump(mode="json", exclude={"id"})
        return trigger, [action.model_dump(mode="json") for action in core.actions], core.description

    return facts(one) == facts(other)
