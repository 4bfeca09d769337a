"""Harness: how does an agent do on a run of its past? A rehearsal in a ledger of its own, every tool answering from the record.

The real loop, gate, limits and loop monitor; nothing of the world is looked at but the tools' definitions. What depends on the
world as it was then (stalls, drift, invariants, halts of the past) is not watched.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from pydantic_ai.models import Model
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, CombinedToolset

from midwatch.calls import Call, canonical_json
from midwatch.errors import MidwatchError
from midwatch.evals import Made, Tried, compared
from midwatch.ledger import Ledger, RunRow
from midwatch.rehearsal import STAGED
from midwatch.risk import HARMLESS
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec
from tasks.harness.entering import fingerprint
from tasks.harness.invariants import Invariants
from tasks.harness.on_record import FromRecord, Record, came_back, record_of
from tasks.harness.place import Place
from tasks.harness.prepare import Prepared, check_input
from tasks.harness.rules import policy_of, tool_definitions
from tasks.harness.watch import Watching
from tasks.harness.work import Work
from tasks.monitoring.limits import RunBudget
from tasks.permissions.declared import declared
from tasks.permissions.labels import RunLabels
from tasks.permissions.servers import Servers
from tasks.step.log import RunLog
from tasks.tools import build_toolsets, saved_servers

ITEMS: Final = "items"
"""Position of the files that the past run was about."""


@asynccontextmanager
async def scratch() -> AsyncIterator[Ledger]:
    """A ledger for the while of an eval."""
    with TemporaryDirectory(prefix="midwatch-evals-") as folder:
        async with Ledger.open(f"sqlite+aiosqlite:///{Path(folder) / 'ledger.db'}") as ledger:
            await ledger.migrate()
            yield ledger


@dataclass(frozen=True, kw_only=True)
class Trial:
    """An agent that is tried on runs of its past."""

    spec: AgentSpec
    model: Model
    past: Ledger
    scratch: Ledger
    here: Place
    loose: Collection[str] = ()
    """`TOOL.ARGUMENT`, of which any value counts as the same."""

    async def on(self, case: RunRow) -> Tried:
        """How it does on one of them. What the agent's file does not take any more is a fault of the case, not an error."""
        record = await record_of(self.past, case.run_id)
        try:
            check_input(self.spec, case.input)
            fault, harmless = await self._rehearsed(case, record)
        except MidwatchError as error:
            fault, harmless = str(error), frozenset()
        return await self._compared(case, record, fault, harmless)

    async def _rehearsed(self, case: RunRow, record: Record) -> tuple[str, frozenset[str]]:
        """Why it did not end by itself ("" where it did), and which of its tools change nothing."""
        facts = await self._entered(case)
        log = await RunLog.open(case.run_id, self.scratch)
        steps = await self.past.stored_steps(case.run_id)
        log.steps |= {step.position: step for step in steps if step.position == ITEMS}
        offered = build_toolsets(self.spec, facts, servers=await saved_servers(self.spec))
        async with CombinedToolset(offered) as toolset:
            tools = await tool_definitions(toolset, facts, self.model)
            prepared = await self._prepared(facts, log, toolset, tools, record)
            work = Work(
                spec=prepared.spec,
                facts=facts,
                ledger=self.scratch,
                budget=prepared.budget,
                log=log,
                open_conversation=prepared.conversation,
            )
            ending = await work.run()
        fault = "" if ending.loop == "finished" else f"{ending.loop}: {ending.reason}".rstrip(": ")
        return fault, frozenset(name for name, one in tools.items() if declared(one).risk in HARMLESS)

    async def _entered(self, case: RunRow) -> RunFacts:
        row = await self.scratch.start_run(
            case.run_id,
            agent=self.spec.name,
            cause=case.cause,
            slot=None,
            level=case.level,
            asked_level=None,
            input=case.input,
            fingerprint=fingerprint(self.spec),
            started_at=case.started_at,
            limits=self.spec.limits,
            shadow=True,
        )
        return RunFacts(
            run_id=row.run_id,
            agent=row.agent,
            started_at=row.started_at,
            level=row.level,
            cause=row.cause,
            project=self.here.project,
            home=self.here.home,
            input=row.input,
            shadow=row.shadow,
        )

    async def _prepared(
        self,
        facts: RunFacts,
        log: RunLog,
        toolset: AbstractToolset[RunFacts],
        tools: Mapping[str, ToolDefinition],
        record: Record,
    ) -> Prepared:
        spec = _unwatched(self.spec)
        known = {name: declared(one) for name, one in tools.items()}
        labels = await RunLabels.open(spec, facts, log, known)
        budget = RunBudget(spec.limits)
        return Prepared(
            spec=spec,
            facts=facts,
            ledger=self.scratch,
            budget=budget,
            model=self.model,
            toolset=FromRecord(toolset, record=record, labels=labels),
            policy=policy_of(spec, tools, self.here),
            servers=await self._servers(tools),
            labels=labels,
            log=log,
            invariants=await Invariants.open(spec.contract, facts, log),
            watching=await Watching.open(spec, facts, log, budget, known),
            hears=_hears(record),
            evidence="",
        )

    async def _servers(self, tools: Mapping[str, ToolDefinition]) -> Servers:
        servers = Servers(agent=self.spec.name, ledger=self.scratch)
        await servers.see(tools.values())
        return servers

    async def _compared(self, case: RunRow, record: Record, fault: str, harmless: Collection[str]) -> Tried:
        rows = await self.scratch.staged_of(case.run_id) if await self.scratch.run(case.run_id) else []
        then = [row for row in await self.past.effects_of(case.run_id) if row.state == "consumed"]
        missing, extra = compared(
            [Made(tool=row.tool, args_json=row.args_json) for row in then if row.tool not in harmless],
            [Made(tool=row.tool, args_json=row.args_json) for row in rows if row.tool not in harmless],
            self.loose,
        )
        asked = [f"{row.tool} {row.args_json}" for row in rows if row.risk == "read"]
        return Tried(
            case_run=case.run_id,
            missing=missing,
            extra=extra,
            not_on_record=(*record.missing, *(one for one in asked if not record.holds(one))),
            fault=fault,
        )


def _unwatched(spec: AgentSpec) -> AgentSpec:
    """Without what looks at the world as it is now."""
    watched = spec.monitors
    off = {name: getattr(watched, name).model_copy(update={"then": "off"}) for name in ("stall", "drift")}
    contract = spec.contract.model_copy(update={"done_when": [], "noop_when": [], "invariants": []})
    return spec.model_copy(update={"monitors": watched.model_copy(update=off), "contract": contract, "planted": None})


def _hears(record: Record) -> Callable[[Call], Any]:
    """What was made then has the result that it had; what was not is staged, and has none."""

    def hears(call: Call) -> Any:
        try:
            return came_back(record.answer(call.tool, canonical_json(call.args)))
        except KeyError:
            return STAGED

    return hears
