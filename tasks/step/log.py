"""Under all six layers: what has this run done already? Every finished operation is found again by its position.

A position (`conversation/operation/number`) says where in the run an operation stands, so a step costs the same at the
first turn and at the thousandth: nothing of the history is hashed or walked. What an operation gave lies in the ledger,
in the same transaction as its cost; a later life of the run reads all of it once, in one query.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any, Literal, assert_never

from midwatch.errors import MidwatchError
from midwatch.ledger import Decided, DecisionRow, Ledger, StepKind, StoredStep

Layer = Literal["model", "tools", "harness", "permissions", "monitoring"]

Show = Callable[[Layer, str, str], AbstractContextManager[None]]
"""(layer, title, position): shows people an operation for as long as the context lasts."""


class ReplayMismatch(MidwatchError):
    """A later life of a run would do something else than its earlier ones did; it is stopped instead."""


def unseen(layer: Layer, title: str, position: str) -> AbstractContextManager[None]:  # noqa: ARG001  # a `Show`
    """Shows nobody anything."""
    return nullcontext()


@dataclass(kw_only=True)
class RunLog:
    """The finished operations of one run."""

    run_id: str
    ledger: Ledger
    show: Show = unseen
    steps: dict[str, StoredStep] = field(default_factory=dict)
    """By position: what earlier lives of the run finished."""
    decisions: dict[str, DecisionRow] = field(default_factory=dict)
    """By position: what the gate answered first, in this life or an earlier one."""

    @classmethod
    async def open(cls, run_id: str, ledger: Ledger, show: Show = unseen) -> RunLog:
        """The log of a run, with everything that its earlier lives finished."""
        log = cls(run_id=run_id, ledger=ledger, show=show)
        await log.read()
        return log

    async def read(self) -> None:
        """Take over what stands in the ledger."""
        self.steps = {step.position: step for step in await self.ledger.stored_steps(self.run_id)}
        for row in await self.ledger.decisions_of(self.run_id):
            self.decisions.setdefault(row.position, row)

    def done(self, position: str) -> StoredStep | None:
        """The operation at this position, if an earlier life of the run finished it."""
        return self.steps.get(position)

    async def step(self, layer: Layer, title: str, position: str, body: Callable[[], Awaitable[Any]]) -> Any:
        """Run `body`, or return the JSON value that it returned in an earlier life of this run.

        Args:
            layer: which of the six layers.
            title: what people see (`harness · first message`).
            position: unique within the run and the same when the run is replayed.
            body: returns a JSON-able value. What it raises is raised here, and nothing is stored.
        """
        if (stored := self.done(position)) is not None:
            return json.loads(stored.result_json)
        with self.show(layer, title, position):
            result = await body()
        await self.ledger.record_step(
            self.run_id, position, kind=kind_of(layer), name=title, result_json=json.dumps(result)
        )
        return result

    async def decide(self, decided: Decided) -> None:
        """Write the gate's answer to one call down; of several at one position the first stands."""
        row = await self.ledger.record_decision(self.run_id, decided)
        self.decisions.setdefault(decided.position, row)


def kind_of(layer: Layer) -> StepKind:
    """A layer as the ledger names it."""
    match layer:
        case "tools":
            return "tool"
        case "model" | "harness" | "permissions" | "monitoring":
            return layer
        case _:
            assert_never(layer)
