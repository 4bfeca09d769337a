"""Suspended runs: how many stand where, by the ledger and by Prefect, and what has become of every one?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterState, FlowRunFilterStateType
from prefect.client.schemas.objects import StateType
from sqlalchemy import func, select

from benchmarks.suspended.world import line, times
from midwatch.ledger import Ledger
from midwatch.ledger.tables import asks, effects, runs
from midwatch.ledger.transaction import Read

MOVING: Final = (
    StateType.SCHEDULED,
    StateType.PENDING,
    StateType.RUNNING,
    StateType.CRASHED,
    StateType.CANCELLING,
)
"""Of a run that neither waits for a person nor has ended; a crashed one is sent on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """After everything."""

    outcomes: dict[str, int]
    prefect_states: dict[str, int]
    effects: dict[str, int]
    """Of the ledger, by state."""
    effects_once: int
    """Runs with exactly one line in the world."""
    effects_twice: int
    effects_lost: int
    approvals_spent: int

    def faults(self, count: int) -> list[str]:
        """Everything that is not as it should be for so many runs."""
        wrong = {
            f"outcomes are {self.outcomes}": self.outcomes != {"verified": count},
            f"Prefect's states are {self.prefect_states}": self.prefect_states != {"COMPLETED": count},
            f"effects are {self.effects}": self.effects != {"consumed": count},
            f"{self.effects_twice} effects happened twice": self.effects_twice != 0,
            f"{self.effects_lost} effects never happened": self.effects_lost != 0,
            f"{self.approvals_spent} approvals were spent": self.approvals_spent != count,
        }
        return [what for what, found in wrong.items() if found]


async def in_state(client: PrefectClient, *types: StateType) -> int:
    """Runs that Prefect shows so."""
    kind = FlowRunFilterStateType(any_=list(types))
    return await client.count_flow_runs(flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=kind)))


async def ended(ledger: Ledger) -> int:
    """Runs with an outcome."""
    return await ledger.read(
        lambda tx: int(tx.connection.scalar(select(func.count()).where(runs.c.outcome.is_not(None))) or 0)
    )


async def tallied(client: PrefectClient, ledger: Ledger, project: Path, numbers: Sequence[int]) -> Tally:
    """Count everything."""
    lines = times(project)
    seen = [lines[line(number)] for number in numbers]
    states = {kind.value: await in_state(client, kind) for kind in StateType}
    return Tally(
        outcomes=await ledger.read(_outcomes),
        prefect_states={name: count for name, count in states.items() if count},
        effects=await ledger.read(_effects),
        effects_once=Counter(seen)[1],
        effects_twice=sum(count > 1 for count in seen),
        effects_lost=Counter(seen)[0],
        approvals_spent=await ledger.read(_spent),
    )


def _outcomes(tx: Read) -> dict[str, int]:
    query = select(func.coalesce(runs.c.outcome, "none"), func.count()).group_by(runs.c.outcome)
    return {str(outcome): int(count) for outcome, count in tx.connection.execute(query)}


def _effects(tx: Read) -> dict[str, int]:
    query = select(effects.c.state, func.count()).group_by(effects.c.state)
    return {str(state): int(count) for state, count in tx.connection.execute(query)}


def _spent(tx: Read) -> int:
    return int(tx.connection.scalar(select(func.count()).where(asks.c.spent_at.is_not(None))) or 0)
