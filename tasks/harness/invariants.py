"""Harness: does what must always hold still hold? Looked at before a life's first step, after every effect, at the end.

A later life looks before it does anything: an earlier one may have been killed between an effect and the look after it.
What was once seen broken stays so for all lives, even where the world has been mended since.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final

from midwatch.contract import Contract, Finding
from midwatch.errors import MidwatchError
from midwatch.run import RunFacts
from tasks.harness.durable import Body, Recorder
from tasks.harness.history import Turn
from tasks.monitoring.contract import BEFORE, before, check_contract, needs_a_before
from tasks.monitoring.evidence import Evidence
from tasks.permissions.cleared import GateState
from tasks.step.log import RunLog

BROKEN: Final = "contract/broken"
"""Position in the run."""

LOOK_SECONDS: Final = 60.0
"""For all invariants together; one that cannot be seen by then is broken."""


class InvariantBroken(MidwatchError):
    """Something that must hold all the time does not. The run ends at once, and its model is told nothing more."""


@dataclass(kw_only=True)
class Invariants:
    """Those of one run, in one life of it."""

    contract: Contract
    facts: RunFacts
    evidence: Evidence
    log: RunLog
    broken: list[Finding] = field(default_factory=list)
    """What was seen that did not hold."""
    one_effect: asyncio.Lock = field(default_factory=asyncio.Lock)
    """An effect begins when the look after the last one is over: of calls made side by side, too."""

    @classmethod
    async def open(cls, contract: Contract, facts: RunFacts, log: RunLog) -> Invariants:
        """Those of a run, with what has to be compared later written down, once for all its lives."""
        was: dict[str, Any] = {}
        if needs_a_before(contract):
            was = await log.step(
                "monitoring", "monitoring · how it was before", BEFORE, lambda: before(contract, facts)
            )
        evidence = Evidence(effects=partial(log.ledger.effects_of, facts.run_id), before=was)
        return cls(contract=contract, facts=facts, evidence=evidence, log=log)

    async def look(self) -> None:
        """Raises InvariantBroken where one does not hold, or cannot be looked at. Costs nothing where there are none."""
        if not self.contract.invariants:
            return
        self.refuse()
        if (stored := self.log.done(BROKEN)) is None:
            seen = await self.at_the_end()
            broken = [finding for finding in seen if not finding.held]
            if not broken:
                return
            await self.log.step("monitoring", "monitoring · an invariant is broken", BROKEN, _as_json(broken))
        else:
            broken = [Finding.model_validate(finding) for finding in json.loads(stored.result_json)]
        self.broken = broken
        self.refuse()

    def refuse(self) -> None:
        """Raises InvariantBroken where one has been seen broken."""
        if self.broken:
            raise InvariantBroken(broken_words(self.broken))

    async def at_the_end(self) -> list[Finding]:
        """What each of them is like now; those that were seen broken stay so."""
        if self.broken:
            return self.broken
        return await check_contract(
            self.contract, self.facts, which="invariants", evidence=self.evidence, at_most_seconds=LOOK_SECONDS
        )


@dataclass(frozen=True, kw_only=True)
class Watched:
    """A recorder whose effects begin one after the other, each of them while every invariant holds. A `Recorder`."""

    recorder: Recorder
    invariants: Invariants
    gate: GateState

    async def model_request(self, position: str, digest: str, body: Callable[[], Awaitable[Turn]]) -> Turn:
        """As the recorder's own."""
        return await self.recorder.model_request(position, digest, body)

    def was_called(self, tool_call_id: str) -> str:
        """As the recorder's own."""
        return self.recorder.was_called(tool_call_id)

    async def tool_call(self, position: str, tool_call_id: str, tool: str, body: Body) -> object:
        """As the recorder's own, with a look behind an effect. Raises InvariantBroken, before it and after it."""
        cleared = self.gate.cleared.get(tool_call_id)
        if cleared is not None and cleared.is_harmless:
            return await self.recorder.tool_call(position, tool_call_id, tool, body)
        async with self.invariants.one_effect:
            self.invariants.refuse()
            result = await self.recorder.tool_call(position, tool_call_id, tool, body)
            await self.invariants.look()
            return result


def broken_words(findings: Sequence[Finding]) -> str:
    """For a person: what does not hold, and what was seen."""
    broken = [f"{finding.check}: {finding.detail}" for finding in findings if not finding.held]
    return f"what must hold all the time does not: {'; '.join(broken[:3])}"


def _as_json(findings: Sequence[Finding]) -> Callable[[], Awaitable[list[dict[str, Any]]]]:
    async def dumped() -> list[dict[str, Any]]:
        return [finding.model_dump(mode="json") for finding in findings]

    return dumped
