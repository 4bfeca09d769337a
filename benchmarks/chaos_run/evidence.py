"""Chaos: what has a run left behind? In the ledger, in the world, and in the words of its lives."""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from benchmarks.chaos_run.scenario import Scenario
from benchmarks.chaos_run.stage import RUN, Stage
from benchmarks.chaos_run.world import Mark
from midwatch.ledger import AskRow, EffectRow, Ledger
from midwatch.ledger.tables import day_totals, journal
from midwatch.ledger.transaction import Read

Did = tuple[str, str]
"""A call: its tool and its arguments as canonical JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Remains:
    """What one life left to the next."""

    in_doubt: frozenset[Did]
    """Reserved, and nobody can tell of it."""
    finished: frozenset[Did]
    """Steps that are recorded, but for tools that said that they failed."""
    marks: int
    """How many the world had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that a run has left, once it has ended."""

    scenario: Scenario
    outcome: str | None
    """In the ledger."""
    endings: Sequence[str]
    """What the lives that came to an end said."""
    marks: Sequence[Mark]
    effects: Sequence[EffectRow]
    asks: Sequence[AskRow]
    journal: Sequence[tuple[str, Mapping[str, Any]]]
    """(kind, body) of every entry."""
    chain_holds: bool
    turns: int
    """Model requests that are recorded."""
    turns_charged: int
    """To the agent's day."""
    told: int
    """How often the report was written."""
    asked: int
    """How often the model was asked."""
    remains: Sequence[Remains]
    """Of every life but the last."""

    in_doubt: frozenset[Did]
    """What a killed life left reserved, what neither a probe nor a second call can clear up, and nobody has settled."""
    settled: frozenset[Did]
    """Of which a person said what became of it before the run went on."""


async def left_by(stage: Stage, ledger: Ledger) -> Remains:
    """Look at what a life has left that did not bring the run to its end."""
    effects, steps = await ledger.effects_of(RUN), await ledger.stored_steps(RUN)
    return Remains(
        in_doubt=frozenset(
            (row.tool, row.args_json) for row in effects if row.state == "reserved" and _nobody_can_tell(stage, row)
        ),
        finished=frozenset(
            (step.name, step.detail) for step in steps if step.kind == "tool" and not is_failure(step.result_json)
        ),
        marks=len(stage.world.marks()),
    )


def is_failure(result_json: str | None) -> bool:
    """Whether it was recorded that the tool failed."""
    return result_json is not None and json.loads(result_json)["kind"] == "tool_failed"


async def gathered(
    stage: Stage, remains: Sequence[Remains], in_doubt: frozenset[Did], settled: frozenset[Did]
) -> Evidence:
    """Look everywhere."""
    async with stage.ledger(random.Random(0)) as ledger:
        run = await ledger.run(RUN)
        chain = await ledger.verify_chain()
        steps = await ledger.steps_of(RUN)
        return Evidence(
            scenario=stage.scenario,
            outcome=run.outcome if run else None,
            endings=_lines(stage.endings),
            marks=stage.world.marks(),
            effects=await ledger.effects_of(RUN),
            asks=await ledger.asks_of(RUN),
            journal=await ledger.read(_journal),
            chain_holds=chain.ok,
            turns=sum(step.kind == "model" for step in steps),
            turns_charged=await ledger.read(_turns_charged),
            told=len(_lines(stage.told)),
            asked=_lines(stage.trace).count("model: asked"),
            remains=remains,
            in_doubt=in_doubt,
            settled=settled,
        )


def _nobody_can_tell(stage: Stage, row: EffectRow) -> bool:
    """A letter may have been posted; half an entry is there. Whatever else is under way can be read back or done again."""
    args, world = json.loads(row.args_json), stage.world
    half = world.saw(row.tool, args, "began") and not world.saw(row.tool, args, "did")
    return row.tool == "post" or (row.tool == "entry" and half)


def _journal(tx: Read) -> list[tuple[str, Mapping[str, Any]]]:
    return [(row["kind"], json.loads(row["body"])) for row in tx.all(select(journal).order_by(journal.c.seq))]


def _turns_charged(tx: Read) -> int:
    return int(tx.connection.execute(select(func.coalesce(func.sum(day_totals.c.steps), 0))).scalar_one())


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines() if path.exists() else []
