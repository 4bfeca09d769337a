"""Harness: does the halt latch still bite? A sacrificial run finds out, through the real gate, recorder and ledger.

Its agent is one of its own, so that nobody else is halted. It writes into a scratch folder: a file must come without a latch,
none with the one on disk alone, none with the one in the ledger alone, and one again after both are lifted. Each latch is set
when the model has answered and its call has not begun, so that it is the effect that has to be stopped.
"""

from __future__ import annotations

import tempfile
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, assert_never

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.tools import ToolDefinition
from pydantic_ai.toolsets import AbstractToolset, CombinedToolset

from midwatch.errors import Halted
from midwatch.halt import CHECKED_AGENT, Halt, Target
from midwatch.ledger import HaltCheck, Ledger
from midwatch.run import RunFacts
from midwatch.spec import AgentSpec
from tasks.harness.durable import Positions, StepDurability
from tasks.harness.history import build_codecs
from tasks.harness.place import Place
from tasks.harness.record import LedgerRecorder
from tasks.harness.rules import policy_of, tool_definitions
from tasks.monitoring.limits import RunBudget
from tasks.permissions.cleared import GateState
from tasks.permissions.declared import declared
from tasks.permissions.gate import Gate
from tasks.permissions.halting import in_force
from tasks.permissions.labels import RunLabels
from tasks.permissions.latch import Latch
from tasks.permissions.surroundings import Surroundings
from tasks.step.log import RunLog
from tasks.tools import build_toolsets

Trial = Literal["before", "disk", "ledger", "after"]
"""Without a latch; with one of the two alone; and after both were lifted."""

TRIALS: Final[tuple[Trial, ...]] = ("before", "disk", "ledger", "after")
TARGET: Final = Target.of(CHECKED_AGENT)
SAID: Final = {"by": "midwatch", "via": "self-test", "because": "whether the latch still bites is being tried"}
OUT: Final = "out"
SPEC: Final[dict[str, Any]] = {
    "name": CHECKED_AGENT,
    "description": "Tries whether the halt latch still bites.",
    "instructions": "Write the file.",
    "tools": [{"write_file": {"root": OUT}}],
    "rules": {"allow": ["write_file"]},
    "ceiling": 4,
}
PASSED: Final = "the latch bites: an effect began without it, none with either half of it, and one after it was lifted"


async def check_halt(ledger: Ledger, home: Path, run_id: str) -> HaltCheck:
    """Try it, and enter what was seen; a run of the agent `CHECKED_AGENT` ends as `failed` where it does not hold.

    Whatever goes wrong on the way counts as not held. Nothing stays halted.

    Raises:
        Halted: everything is halted already, so that there is nothing to try.
    """
    now = datetime.now(UTC)
    if everything := [halt for halt in await in_force(home, ledger) if halt.scope == "all"]:
        raise Halted(f"{everything[0].words()}. Whether one half of the latch is enough cannot be tried meanwhile")
    await ledger.start_run(
        run_id,
        agent=CHECKED_AGENT,
        cause="schedule",
        slot=None,
        level=4,
        asked_level=None,
        input={},
        fingerprint="",
        started_at=now,
    )
    try:
        faults = await _faults(ledger, home, run_id, now)
    except Exception as error:
        faults = [f"the self-test could not be carried through ({type(error).__name__}: {error})"]
    detail = "; ".join(faults) or PASSED
    held = await ledger.record_halt_check(held=not faults, detail=detail)
    await ledger.finish_run(run_id, outcome="failed" if faults else "verified", reason=detail)
    return held


async def _faults(ledger: Ledger, home: Path, run_id: str, now: datetime) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="midwatch-halt-check-") as scratch:
        here = Place(project=Path(scratch).resolve(), home=home)
        facts = RunFacts(run_id=run_id, agent=CHECKED_AGENT, started_at=now, level=4, project=here.project, home=home)
        spec = AgentSpec.model_validate(SPEC)
        async with CombinedToolset(build_toolsets(spec, facts)) as toolset:
            tries = Tries(spec=spec, facts=facts, here=here, ledger=ledger, toolset=toolset)
            return [fault for trial in TRIALS if (fault := await tries.fault_of(trial))]


@dataclass(kw_only=True)
class Tries:
    """The same call, once in each trial."""

    spec: AgentSpec
    facts: RunFacts
    here: Place
    ledger: Ledger
    toolset: AbstractToolset[RunFacts]

    async def fault_of(self, trial: Trial) -> str:
        """What is wrong with the latch, as far as this trial shows; "" for nothing."""
        await self._lift()
        try:
            halted = await self._was_halted(trial)
        finally:
            await self._lift()
        there = (self.here.project / OUT / trial).exists()
        match trial:
            case "before" | "after":
                when = "before any latch was set" if trial == "before" else "after it was lifted"
                return "" if there and not halted else f"no effect passed {when}, so the others prove nothing"
            case "disk" | "ledger":
                which = "on disk" if trial == "disk" else "in the ledger"
                if there:
                    return f"AN EFFECT PASSED although the latch {which} was set"
                return "" if halted else f"the call ended otherwise than by the latch {which}"
            case _:
                assert_never(trial)

    async def _was_halted(self, trial: Trial) -> bool:
        build_codecs()
        log = await RunLog.open(self.facts.run_id, self.ledger)
        model = _model(trial, lambda: self._set(trial))
        tools = await tool_definitions(self.toolset, self.facts, model)
        gate, recorder = await self._guards(trial, log, tools)
        agent = Agent(
            model,
            name=CHECKED_AGENT,
            deps_type=RunFacts,
            toolsets=[gate],
            capabilities=[StepDurability(positions=Positions(trial), recorder=recorder, log=log)],
        )
        try:
            await agent.run("Write the file.", deps=self.facts)
        except Halted:
            return True
        return False

    async def _guards(self, trial: Trial, log: RunLog, tools: dict[str, ToolDefinition]) -> tuple[Gate, LedgerRecorder]:
        """Those of every run."""
        state = GateState()
        known = {name: declared(tool) for name, tool in tools.items()}
        labels = await RunLabels.open(self.spec, self.facts, log, known)
        gate = Gate(
            wrapped=self.toolset,
            policy=policy_of(self.spec, tools, self.here),
            state=state,
            conversation=trial,
            log=log,
            surroundings=Surroundings(labels=labels),
        )
        budget = RunBudget(self.spec.limits)
        recorder = LedgerRecorder(
            conversation=trial, facts=self.facts, ledger=self.ledger, budget=budget, gate=state, labels=labels
        )
        return gate, recorder

    async def _set(self, trial: Trial) -> None:
        match trial:
            case "disk":
                Latch(self.facts.home).set(Halt(scope="agent", name=CHECKED_AGENT, at=datetime.now(UTC), **SAID))
            case "ledger":
                await self.ledger.halt(TARGET, **SAID)
            case "before" | "after":
                return
            case _:
                assert_never(trial)

    async def _lift(self) -> None:
        """Also what a self-test that was killed has left."""
        await self.ledger.lift_halt(TARGET, **SAID)
        Latch(self.facts.home).lift(TARGET)


def _model(trial: Trial, before: Callable[[], Awaitable[None]]) -> FunctionModel:
    """Asks for one file, named as the trial."""

    async def say(messages: list[ModelMessage], _: AgentInfo) -> ModelResponse:
        if any(isinstance(one, ModelResponse) for one in messages):
            return ModelResponse(parts=[TextPart("done")])
        await before()
        call = ToolCallPart("write_file", {"path": trial, "content": trial}, tool_call_id=f"write-{trial}")
        return ModelResponse(parts=[call])

    return FunctionModel(say)
