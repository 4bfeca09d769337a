"""Harness: how does Prefect show the outcome of a run?"""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, StateType

from midwatch.outcome import COMPLETED, Outcome


def shown(outcome: Outcome, reason: str) -> State[Any]:
    """An outcome as a Prefect state: its name on the runs page, red where a person has to look."""
    kind = StateType.COMPLETED if outcome in COMPLETED else StateType.FAILED
    return State(type=kind, name=outcome, message=reason)
