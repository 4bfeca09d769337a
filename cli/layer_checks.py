"""`midwatch check`: what holds of one agent on this machine? One question to each of the six layers, asked for real."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final, cast

import httpx
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName
from prefect.exceptions import PrefectException
from pydantic_ai.models import Model
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import CombinedToolset

from cli.home import House
from cli.trigger_checks import trigger_result
from midwatch.agent_file import load_agent
from midwatch.layers import Layer, LayerCheck, LayerResult
from midwatch.ledger import Ledger
from midwatch.named_function import PATTERN, named_function
from midwatch.planted import known_bad
from midwatch.run import Level, RunFacts
from midwatch.spec import AgentSpec
from tasks.harness.halting import Halting
from tasks.harness.place import Place
from tasks.harness.rules import policy_of, tool_definitions
from tasks.model.probe import ProbeReport, probe_model
from tasks.model.providers import resolve_model
from tasks.monitoring.own_judges import own_judges
from tasks.monitoring.ready import contract_faults
from tasks.permissions.declared import declared
from tasks.permissions.servers import Servers, changed
from tasks.tools import build_toolsets, saved_servers

PROBE: Final = "probe-1"
"""Fingerprint of the probe's questions in the ledger; scores of different ones are not compared."""

START: Final = "`midwatch up` starts the server, the worker and the keeper"


@dataclass(kw_only=True)
class Walk:
    """One agent on its way up. Each check leaves what the next one needs."""

    spec: AgentSpec
    house: House
    ledger: Ledger
    stack: AsyncExitStack
    """Closes what the checks opened, MCP servers above all."""
    environment: Mapping[str, str]
    level: Level = 3
    """What the run of a person would have now."""
    offered: dict[str, ToolDefinition] = field(default_factory=dict)
    thinker: Model | None = None

    def checks(self) -> dict[Layer, LayerCheck]:
        return {
            "model": self.model,
            "tools": self.tools,
            "harness": self.harness,
            "permissions": self.permissions,
            "trigger": self.trigger,
            "monitoring": self.monitoring,
        }

    async def model(self) -> LayerResult:
        """Ten small requests; the score is kept, and held against the level at which the agent stands."""
        granted = await self.ledger.level_of(self.spec.name, datetime.now(UTC))
        self.level = cast("Level", min(granted, self.spec.ceiling))
        self.thinker = await resolve_model(self.spec.models(), home=self.house.home, environment=self.environment)
        report = await probe_model(self.thinker)
        right = sum(score.right for score in report.scores.values())
        await self.ledger.record_probe(
            report.model,
            fingerprint=PROBE,
            score=right / sum(score.of for score in report.scores.values()),
            detail=report.model_dump_json(),
        )
        return model_result(report, level=self.level, has_tools=bool(self.spec.tools))

    async def tools(self) -> LayerResult:
        """Every tool is built, every MCP server started; nothing is called, and nothing of `bind` either."""
        assert self.thinker is not None
        facts, servers = self._facts(), await saved_servers(self.spec)
        build_toolsets(self.spec, facts, environment=self.environment, servers=servers)
        name_bound_functions(self.spec)
        toolsets = build_toolsets(unbound(self.spec), facts, environment=self.environment, servers=servers)
        toolset = await self.stack.enter_async_context(CombinedToolset(toolsets))
        self.offered = await tool_definitions(toolset, facts, self.thinker)
        listed = ", ".join(f"{name} ({declared(tool).risk})" for name, tool in sorted(self.offered.items()))
        return LayerResult(layer="tools", ok=True, detail=f"{len(self.offered)}: {listed}" if listed else "none")

    def _facts(self) -> RunFacts:
        return RunFacts(
            run_id="check",
            agent=self.spec.name,
            started_at=datetime.now(UTC),
            level=self.level,
            project=self.house.project,
            home=self.house.home,
        )

    async def harness(self) -> LayerResult:
        """The ledger's chain is whole, and Prefect's server answers to this installation's password."""
        if self.house.port is None:
            detail = f"no house was ever started in {self.house.home}, so there is no server to run in"
            return LayerResult(layer="harness", ok=False, detail=detail, hint=START)
        chain = await self.ledger.verify_chain()
        if not chain.ok:
            return LayerResult(layer="harness", ok=False, detail=f"the ledger's chain is broken: {chain}")
        async with get_client() as client:
            fault = await api_fault(client, expected=f"{self.house.url}/api")
        return LayerResult(
            layer="harness",
            ok=not fault,
            detail=fault or "the server answers, the ledger's chain is whole",
            hint=START if fault else "",
        )

    async def permissions(self) -> LayerResult:
        """The rules compile against the tools that are really there, and those of MCP servers are the ones that were pinned."""
        policy = policy_of(self.spec, self.offered, Place(project=self.house.project, home=self.house.home))
        known_bad(self.spec, policy)
        servers = Servers(agent=self.spec.name, ledger=self.ledger)
        await servers.see(self.offered.values())
        if doubts := servers.doubts(self.offered.values()):
            detail = "; ".join(changed(pin) for pin in doubts)
            hint = "no rule allows them until you have looked, so that the agent asks about every call of them"
            return LayerResult(layer="permissions", ok=False, detail=detail, hint=hint)
        if (halt := await Halting(facts=self._facts(), ledger=self.ledger).now()) is not None:
            hint = f"`{halt.target.lifted_by()}` lifts it"
            return LayerResult(layer="permissions", ok=False, detail=halt.words(), hint=hint)
        rules, latch = self.spec.rules, await latch_result(self.ledger)
        detail = (
            f"{len(rules.deny)} deny, {len(rules.ask)} ask, {len(rules.allow)} allow, anything else asks; "
            f"level {self.level} (ceiling {self.spec.ceiling}); {latch.detail}"
        )
        return replace(latch, detail=detail)

    async def trigger(self) -> LayerResult:
        """A deployment with this agent's name exists; what starts it, and what would keep that from being heard."""
        async with get_client() as client:
            named = DeploymentFilter(name=DeploymentFilterName(any_=[self.spec.name]))
            there = await client.read_deployments(deployment_filter=named)
        return await trigger_result(self.spec, there, self.house, self.environment)

    async def monitoring(self) -> LayerResult:
        """Every check of the contract could look."""
        contract = self.spec.contract
        faults = own_judges(self.spec, self.house.project)
        faults += contract_faults(contract, project=self.house.project, environment=self.environment)
        if faults:
            return LayerResult(layer="monitoring", ok=False, detail="; ".join(faults))
        limits = self.spec.limits
        checks = len(contract.done_when)
        said = "1 check says" if checks == 1 else f"{checks} checks say"
        detail = (
            f"{said} when it is done; at most {limits.steps} steps, "
            f"{limits.tokens:,} tokens, {limits.usd:g} US dollars where the price is known, {limits.minutes:g} minutes a run"
        )
        hint = "" if contract.done_when else "without `contract.done_when` no run ends better than `unverified`"
        return LayerResult(layer="monitoring", ok=True, detail=detail, hint=hint)


async def latch_result(ledger: Ledger) -> LayerResult:
    """When the halt latch was last tried, and whether it bit."""
    last, good = await ledger.latest_halt_check(), await ledger.latest_halt_check(held=True)
    if last is None:
        hint = "the deployment `halt-check` tries it once a day; `midwatch halt` works without"
        return LayerResult(layer="permissions", ok=True, detail="the halt latch was never tried here", hint=hint)
    held = f"held when it was last tried, {last.at:%Y-%m-%d %H:%M} UTC"
    if last.held:
        return LayerResult(layer="permissions", ok=True, detail=f"the halt latch {held}")
    before = f"it last held {good.at:%Y-%m-%d %H:%M} UTC" if good else "it never held"
    detail = f"the halt latch DID NOT HOLD {last.at:%Y-%m-%d %H:%M} UTC: {last.detail}; {before}"
    return LayerResult(layer="permissions", ok=False, detail=detail, hint="`midwatch down` stops everything meanwhile")


def load(name: str, house: House) -> AgentSpec:
    """The agent of this installation; the file comes before any layer."""
    return load_agent(name, house.project / "agents")


def model_result(report: ProbeReport, *, level: Level, has_tools: bool) -> LayerResult:
    """A model has to be good enough for the level that its agent stands at; without tools there is little to get wrong."""
    needed = level if has_tools else 1
    ok = report.level() >= needed
    hint = "" if ok else f"name a better model in the agent's file, or let it stand lower than level {level}"
    return LayerResult(layer="model", ok=ok, detail=report.words(), hint=hint)


def unbound(spec: AgentSpec) -> AgentSpec:
    """Without `bind`: what it names is filled in for a run and an item, and a check has neither."""
    return spec.model_copy(update={"tools": [tool.model_copy(update={"bind": {}}) for tool in spec.tools]})


def name_bound_functions(spec: AgentSpec) -> None:
    """Raises SpecError where `bind` names a function that is not there."""
    for position, tool in enumerate(spec.tools):
        for name, value in tool.bind.items():
            if isinstance(value, str) and PATTERN.fullmatch(value):
                named_function(value, field=f"tools[{position}].bind.{name}")


async def api_fault(client: PrefectClient, *, expected: str) -> str:
    """Why the house's server can't be worked with, or "". Another server that answers is a fault."""
    if str(client.api_url).rstrip("/") != expected:
        return f"this process talks to {client.api_url}, not to the house at {expected}"
    try:
        error = await client.api_healthcheck()
        if error is not None:
            return f"Prefect's server does not answer at {client.api_url}: {error}"
        await client.read_work_pools(limit=1)
    except (httpx.HTTPError, PrefectException) as refused:
        return f"Prefect's server at {client.api_url} refuses: {refused}"
    return ""
