"""Trigger: how does what arrived become exactly one run? Storms are held back, and what can never start is set aside.

A run is asked for with the arrival as its idempotency key: killed between that and the ledger's `started`, the next process
asks again and gets the same run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final, Protocol

import httpx
from prefect.client.orchestration import PrefectClient
from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

from midwatch.agents import Agents
from midwatch.arrival_input import MOST_BYTES, misfit, together
from midwatch.arrival_spec import Coalesce, Storm
from midwatch.errors import MidwatchError, SpecError
from midwatch.ledger import ArrivalRow, BreakerRow, Ledger
from midwatch.ledger.arrivals import ARRIVAL
from midwatch.spec import AgentSpec, DayLimits

AT_ONCE: Final = 20
"""Runs of one agent that are started before the next agent has its turn."""
MINUTE: Final = timedelta(minutes=1)
HOUR: Final = timedelta(hours=1)
LOWEST: Final = 3
"""Level of a run that no person starts."""
OTHERS_FIRST: Final = timedelta(minutes=5)
"""From a breaker's being half open until what arrived is tried: a deployment that has the input for a run is asked before."""
LONGEST_WHY: Final = 300
_NOT_ITS_FAULT: Final = frozenset({401, 403, 408, 425, 429})


class Away(MidwatchError):
    """Nothing can be started now; it is no arrival's fault."""


class CannotStart(MidwatchError):
    """This one cannot be started, and says why."""


class Start(Protocol):
    async def __call__(self, agent: str, input: Mapping[str, Any], key: str) -> str:
        """The id of the run with this idempotency key, begun unless it was before.

        Raises:
            Away: nothing can be started now.
            CannotStart: this cannot.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Dispatcher:
    ledger: Ledger
    agents: Agents
    start: Start

    async def one_round(self, now: datetime) -> list[str]:
        """Start what is due and may be started; a line for each.

        Raises:
            Away: Prefect cannot be reached. Everything stays as it is.
        """
        done: list[str] = []
        for agent in await self.ledger.agents_due(now):
            try:
                spec = self.agents.find(agent)
                fault = "" if spec else f"there is no agent {agent!r}"
            except SpecError as error:
                spec, fault = None, str(error)
            storm = spec.triggers.storm if spec else Storm()
            if at_once := await self._at_once(agent, spec, now):
                per_day = spec.limits.per_day if spec else DayLimits()
                room = min(at_once, await self._room(agent, storm, per_day, now))
                due = await self.ledger.arrivals_due(agent, now, limit=room) if room else []
                done += await self._begun(due, spec.input if spec else {}, storm, fault)
        return done

    async def _begun(self, due: Sequence[ArrivalRow], fields: Mapping[str, Any], storm: Storm, fault: str) -> list[str]:
        """In turn. What joined another one meanwhile has nothing to begin."""
        done: list[str] = []
        for row in due:
            if storm.coalesce is not None and not fault:
                row, joined = await self._gathered(row, fields, storm, storm.coalesce)
                done += [f"{joined} more joined arrival {row.arrival_id} of {row.agent}"] if joined else []
            if row.state == "received":
                done.append(await self._one(row, storm, fault))
        return done

    async def _one(self, row: ArrivalRow, storm: Storm, fault: str) -> str:
        named = f"arrival {row.arrival_id} of {row.agent} ({row.trigger})"
        try:
            if fault:
                raise CannotStart(fault)
            run_id = await self.start(row.agent, row.input, f"{ARRIVAL}{row.arrival_id}")
        except CannotStart as error:
            state = await self.ledger.arrival_failed(row.arrival_id, str(error), tries=storm.tries)
            if state == "set_aside":
                await self._told(row, str(error))
            return f"{state.replace('_', ' ')}: {named} could not be started: {error}"
        await self.ledger.arrival_started(row.arrival_id, run_id)
        return f"started: run {run_id} for {named}"

    async def _told(self, row: ArrivalRow, why: str) -> None:
        what = (
            f"what arrived for {row.agent} ({row.trigger}) could not be started and was set aside: {why}. "
            f"`midwatch arrivals {row.agent}` lists it, `midwatch arrivals retry {row.arrival_id[:8]}` tries it again"
        )
        await self.ledger.raise_alarm(alarm_key(row.agent), agent=row.agent, severity="attention", what=what)

    async def _gathered(
        self, row: ArrivalRow, fields: Mapping[str, Any], storm: Storm, coalesce: Coalesce
    ) -> tuple[ArrivalRow, int]:
        """Again in the ledger's own words: others may have taken it into theirs."""
        return await self.ledger.gather_arrivals(
            row.arrival_id,
            partial(together, storm=storm),
            lambda input: not misfit(fields, input),
            most=coalesce.most,
            most_bytes=MOST_BYTES,
        )

    async def _room(self, agent: str, storm: Storm, per_day: DayLimits, now: datetime) -> int:
        """How many runs may begin now. What has no budget left today waits, as what is too much at once does."""
        minute = storm.at_most_per_minute - await self.ledger.arrivals_started_since(agent, now - MINUTE)
        hour = storm.at_most_per_hour - await self.ledger.arrivals_started_since(agent, now - HOUR)
        left = await self.ledger.runs_left_today(agent, per_day, now, at_most=AT_ONCE)
        return max(0, min(minute, hour, left))

    async def _at_once(self, agent: str, spec: AgentSpec | None, now: datetime) -> int:
        """How many runs may begin in this round: none that would end before its work, for what came would be lost on it."""
        if await self.ledger.halt_of(agent, "") is not None or await self.ledger.level_of(agent, now) < LOWEST:
            return 0
        breaker = await self.ledger.breaker(agent)
        if breaker is None or breaker.state == "closed":
            return AT_ONCE
        return 1 if spec is not None and await self._is_the_probe(spec, breaker, now) else 0

    async def _is_the_probe(self, spec: AgentSpec, breaker: BreakerRow, now: datetime) -> bool:
        """Half open, one run is tried; where no deployment has the input for it, what arrived first has."""
        if breaker.state != "half_open" or breaker.probe_run is not None or now - breaker.probe_at < OTHERS_FIRST:
            return False
        needs = any("default" not in field for field in spec.input.values())
        return needs and not await self.ledger.arrivals_started_since(spec.name, breaker.probe_at)


def alarm_key(agent: str) -> str:
    """Of the alarm that stands as long as something of this agent is set aside."""
    return f"set_aside:{agent}"


def starter(client: PrefectClient) -> Start:
    """Through Prefect, by the deployment that has the agent's name."""

    async def start(agent: str, input: Mapping[str, Any], key: str) -> str:
        try:
            deployment = await client.read_deployment_by_name(f"agent-run/{agent}")
            run = await client.create_flow_run_from_deployment(
                deployment.id, parameters={"agent": agent, "input": dict(input)}, idempotency_key=key
            )
        except ObjectNotFound as error:
            said = f"{agent} has no deployment: add one to prefect.yaml, then `midwatch up`"
            raise CannotStart(said) from error
        except PrefectHTTPStatusError as error:
            raise _fault(error) from error
        except (httpx.HTTPError, OSError) as error:
            raise Away(f"Prefect cannot be reached: {error!r}") from error
        except Exception as error:
            raise CannotStart(f"Prefect's client cannot send it: {error!r}"[:LONGEST_WHY]) from error
        return str(run.id)

    return start


def _fault(error: PrefectHTTPStatusError) -> MidwatchError:
    """Prefect answers 503 where its database is away, and 500 where this very request is too much for it."""
    status = error.response.status_code
    if status > 500 or status in _NOT_ITS_FAULT:
        return Away(f"Prefect answers {status}")
    return CannotStart(f"Prefect refuses it ({status}): {error.response.text}"[:LONGEST_WHY])
