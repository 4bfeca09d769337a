"""Monitoring: whose breaker opens, is tried, or closes? From the runs that have ended; Prefect's deployments follow.

Everything here may be done twice, at once, or late: each transition is the ledger's, and what Prefect has to be told stands
there until it was (`settled`). A deployment that somebody else has paused is never un-paused.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.responses import DeploymentResponse
from prefect.exceptions import ObjectNotFound

from midwatch.agents import Agents
from midwatch.breaker import PROBE, Breaker, in_a_row
from midwatch.ledger import BreakerRow, Ledger
from midwatch.spec import AgentSpec
from tasks.step.deployments import deployments_of_agents


@dataclass(frozen=True, slots=True, kw_only=True)
class Breakers:
    """What a round works with."""

    client: PrefectClient
    ledger: Ledger
    agents: Agents

    async def one_round(self, since: datetime, now: datetime) -> list[str]:
        """Look at the agents of which a run has ended since then, and at every breaker that is not at rest."""
        done = [await self._opened(agent, now) for agent in await self.ledger.agents_ended_since(since)]
        for row in await self.ledger.breakers_of():
            done += await asyncio.gather(*(step(row, now) for step in self._steps(row)))
        return [line for line in done if line]

    def _steps(self, row: BreakerRow) -> list[Callable[[BreakerRow, datetime], Awaitable[str]]]:
        match row.state:
            case "open" if row.settled:
                return [self._half_opened]
            case "half_open" if row.settled:
                return [self._probed]
            case "closed" if row.settled:
                return []
            case _:
                return [self._settled]

    async def _opened(self, agent: str, now: datetime) -> str:
        standing = await self.ledger.breaker(agent)
        if standing is not None and standing.state != "closed":
            return ""
        limits = await self._limits(agent)
        after = standing.closed_at if standing else None
        ended = await self.ledger.ended_runs(agent, limit=limits.most, after=after)
        why = in_a_row([run.cause for run in ended], limits)
        if why is None:
            return ""
        probe_at = now + limits.cool_down(1)
        if not await self.ledger.open_breaker(agent, why, last_run=ended[0].run_id, probe_at=probe_at):
            return ""
        return f"breaker of {agent} opened: {why.failures} failures in a row; tried again at {_clock(probe_at)}"

    async def _half_opened(self, row: BreakerRow, now: datetime) -> str:
        if now < row.probe_at or not await self.ledger.half_open(row.agent):
            return ""
        return f"breaker of {row.agent} half open: one run is tried"

    async def _probed(self, row: BreakerRow, now: datetime) -> str:
        """Start the probe, or take its outcome."""
        if row.probe_run is None:
            return await self._probe(row, now)
        run = await self.ledger.run(row.probe_run)
        if run is None or run.outcome is None:
            return ""
        counted = await self.ledger.counted_run(run.run_id)
        if counted is None:
            return await self._put_off(row, f"its probe ended {run.outcome}, which says nothing about it", now)
        if counted.cause is None:
            why = f"its probe ended {run.outcome}"
            closed = await self.ledger.close_breaker(
                row.agent, by=f"run {run.run_id}", because=why, probe_run=run.run_id
            )
            return f"breaker of {row.agent} closed: {why}" if closed else ""
        probe_at = now + (await self._limits(row.agent)).cool_down(row.openings + 1)
        if not await self.ledger.reopen(row.agent, run.run_id, cause=counted.cause, probe_at=probe_at):
            return ""
        return f"breaker of {row.agent} opened again: its probe ended {run.outcome}; next at {_clock(probe_at)}"

    async def _put_off(self, row: BreakerRow, why: str, now: datetime) -> str:
        """Another one, after as long again."""
        probe_at = now + (await self._limits(row.agent)).cool_down(row.openings)
        if not await self.ledger.put_off(row.agent, row.probe_run, probe_at=probe_at):
            return ""
        return f"breaker of {row.agent} stays open: {why}; next at {_clock(probe_at)}"

    async def _probe(self, row: BreakerRow, now: datetime) -> str:
        """One run, however often it is asked for: it is found again by its key. Where none can be made, the next one is it.

        One that was cancelled before it was let in would be found for ever.
        """
        spec = await self._spec(row.agent)
        for deployment in await self._deployments(row.agent):
            parameters = _parameters(deployment)
            if spec is not None and _fits(spec, parameters):
                key = f"{PROBE}{row.agent}:{row.probe_at.isoformat()}"
                run = await self.client.create_flow_run_from_deployment(
                    deployment.id, parameters=parameters, idempotency_key=key
                )
                if run.state is not None and run.state.is_final():
                    return await self._put_off(row, f"its probe ended before it began ({run.state.name})", now)
                young = run.created is None or (datetime.now(UTC) - run.created).total_seconds() < 2
                return f"probe of {row.agent}: run {run.id}" if young else ""
        return ""

    async def _settled(self, row: BreakerRow, _now: datetime) -> str:
        """Tell Prefect: paused until it is closed, then as it was before."""
        if row.state == "closed":
            await self._each(self.client.resume_deployment, row.paused)
            await self.ledger.breaker_settled(row.agent, "closed")
            return f"un-paused: {len(row.paused)} deployments of {row.agent}" if row.paused else ""
        mine = [str(one.id) for one in await self._deployments(row.agent) if not one.paused]
        if await self.ledger.breaker_pauses(row.agent, mine):
            await self._each(self.client.pause_deployment, {*mine, *row.paused})
            await self.ledger.breaker_settled(row.agent, row.state)
        return f"paused: {len(mine)} deployments of {row.agent}" if mine else ""

    async def _each(self, tell: Callable[[UUID], Awaitable[None]], deployments: Any) -> None:
        for deployment in deployments:
            with suppress(ObjectNotFound):  # somebody has removed it
                await tell(UUID(deployment))

    async def _deployments(self, agent: str) -> list[DeploymentResponse]:
        """Those that run this agent, those with a schedule first."""
        mine = [one for one in await deployments_of_agents(self.client) if one.parameters.get("agent") == agent]
        return sorted(mine, key=lambda one: (not one.schedules, one.name))

    async def _limits(self, agent: str) -> Breaker:
        """Where the agent's file cannot be read, the usual ones: that may be the failure itself."""
        spec = await self._spec(agent)
        return spec.breaker if spec else Breaker()

    async def _spec(self, agent: str) -> AgentSpec | None:
        return await asyncio.to_thread(self.agents.readable, agent)


def _parameters(deployment: DeploymentResponse) -> dict[str, Any]:
    """As the first schedule would give them."""
    scheduled: Sequence[Any] = deployment.schedules or ()
    return {**deployment.parameters, **(scheduled[0].parameters if scheduled else {})}


def _fits(spec: AgentSpec, parameters: dict[str, Any]) -> bool:
    """A run with these has all the input that the agent's file asks for."""
    given = parameters.get("input") or {}
    return all(name in given or "default" in field for name, field in spec.input.items())


def _clock(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
