"""Trigger: which slot does this run fill? A slot is claimed in the ledger once; whoever comes second ends at once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun

from midwatch.breaker import PROBE
from midwatch.ledger.arrivals import ARRIVAL
from midwatch.run import Cause
from midwatch.slots import slot_name

_KEY: Final = "slot of {agent}: "


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    cause: Cause
    name: str
    """Unique per agent: the scheduled instant in UTC, the event's id, or the run itself when a person started it."""
    instant: datetime | None = None
    """Of a schedule, in whole seconds of UTC."""


def slot_of(flow_run: FlowRun) -> Slot:
    """The slot of a flow run; that of a rehearsal is its own, and never the one that it rehearses."""
    slot = _slot_of(flow_run)
    return replace(slot, name=f"rehearsal of {slot.name}", instant=None) if is_rehearsal(flow_run.parameters) else slot


def is_rehearsal(parameters: Mapping[str, Any]) -> bool:
    """Of a run, or of a deployment whose runs are."""
    return bool(parameters.get("shadow"))


def _slot_of(flow_run: FlowRun) -> Slot:
    """From what Prefect knows about the run's origin.

    A schedule's slot is its instant, so that a run made twice for the same instant (two servers, a redeployed schedule, the
    keeper) is one slot. An event's slot is the idempotency key that its automation gave, or that of
    its arrival (`dispatch.py`), which nobody else gives: whoever did would only be trusted less.
    A probe that a breaker sends has that of its breaker, and nobody watches it, as with a schedule.
    """
    if (instant := _instant_of(flow_run)) is not None:
        return Slot(cause="schedule", name=slot_name(instant), instant=instant)
    if flow_run.created_by is not None and flow_run.created_by.type == "AUTOMATION":
        return Slot(cause="event", name=f"event {flow_run.idempotency_key or flow_run.id}")
    if (flow_run.idempotency_key or "").startswith(ARRIVAL):
        return Slot(cause="event", name=f"event {flow_run.idempotency_key}")
    if (flow_run.idempotency_key or "").startswith(PROBE):
        return Slot(cause="schedule", name=str(flow_run.idempotency_key))
    return Slot(cause="person", name=f"run {flow_run.id}")


def idempotency_key(agent: str, instant: datetime) -> str:
    """Of the run that the keeper makes for a slot: Prefect makes one, however often it is asked."""
    return _KEY.format(agent=agent) + instant.astimezone(UTC).isoformat(timespec="seconds")


def _instant_of(flow_run: FlowRun) -> datetime | None:
    if flow_run.auto_scheduled and flow_run.expected_start_time is not None:
        return flow_run.expected_start_time.astimezone(UTC).replace(microsecond=0)
    of_keeper = _KEY.format(agent=flow_run.parameters.get("agent", ""))
    key = flow_run.idempotency_key or ""
    if not key.startswith(of_keeper):
        return None
    try:
        return datetime.fromisoformat(key.removeprefix(of_keeper)).astimezone(UTC)
    except ValueError:
        return None
