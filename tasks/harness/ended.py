"""Harness: how does Prefect show the outcome of a run?"""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, StateType

from midwatch.outcome import GREEN, Outcome


def shown(outcome: Outcome, reason: str) -> State[Any]:
    """An outcome as a Prefect state: its name on the runs page, green only where it is."""
    kind = StateType.COMPLETED if outcome in GREEN else StateType.FAILED
    return State(type=kind, name=outcome, message=reason)
