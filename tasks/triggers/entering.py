"""Trigger: how does what came from outside become an arrival? Mapped to the agent's typed input, or refused and kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from midwatch.arrival_input import fields_of_one, mapped, misfit, together
from midwatch.arrival_spec import Trigger, key_of
from midwatch.ledger import Arrival, ArrivalRow, Ledger
from midwatch.spec import AgentSpec


def arrival_of(
    spec: AgentSpec,
    trigger: Trigger,
    delivery: str,
    document: Mapping[str, Any],
    *,
    root: str = "",
    payload: str | None = None,
    parent_run: str | None = None,
) -> Arrival:
    """What came, as an arrival of this trigger; one that no run can take says why.

    Args:
        root: where a field without a path of its own is looked for, by its name.
        payload: what is kept for looking at; the document itself where it is None.
    """
    storm = spec.triggers.storm
    input = mapped(fields_of_one(spec.input, storm), trigger.input, document, root)
    refused = misfit(spec.input, together([input], storm))
    return Arrival(
        agent=spec.name,
        trigger=key_of(trigger),
        delivery=delivery,
        payload=json.dumps(document) if payload is None else payload,
        input={} if refused else input,
        refused=refused,
        parent_run=parent_run,
    )


def refusal_of(spec: AgentSpec, trigger: Trigger, delivery: str, payload: str, why: str) -> Arrival:
    """What came and cannot even be read."""
    return Arrival(agent=spec.name, trigger=key_of(trigger), delivery=delivery, payload=payload, input={}, refused=why)


async def entered(ledger: Ledger, spec: AgentSpec, arrival: Arrival) -> tuple[ArrivalRow, bool]:
    """Into the ledger, for good; whether it was accepted just now. Others may join it for as long as the file says."""
    coalesce = spec.triggers.storm.coalesce
    return await ledger.enter_arrival(arrival, wait=timedelta(seconds=coalesce.seconds if coalesce else 0))
