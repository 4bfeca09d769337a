"""Trigger: which slot does this run fill? A slot is claimed in the ledger once; whoever comes second ends at once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC

from prefect.client.schemas.objects import FlowRun

from midwatch.run import Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    cause: Cause
    name: str
    """Unique per agent: the scheduled instant in UTC, the event's id, or the run itself when a person started it."""


def slot_of(flow_run: FlowRun) -> Slot:
    """The slot of a flow run, from what Prefect knows about its origin.

    A schedule's slot is its instant, so that a run made twice for the same instant (two servers, a redeployed schedule)
    is one slot. An event's slot is the idempotency key that its automation or webhook gave.
    """
    if flow_run.auto_scheduled and flow_run.expected_start_time is not None:
        instant = flow_run.expected_start_time.astimezone(UTC)
        return Slot(cause="schedule", name=f"schedule {instant.isoformat(timespec='seconds')}")
    if flow_run.created_by is not None and flow_run.created_by.type == "AUTOMATION":
        return Slot(cause="event", name=f"event {flow_run.idempotency_key or flow_run.id}")
    return Slot(cause="person", name=f"run {flow_run.id}")
