"""Harness: what does a run leave for the habit of those to come? What it did, where it was verified."""

from __future__ import annotations

from midwatch.outcome import Outcome
from tasks.harness.prepare import Prepared, Refused
from tasks.monitoring.drift import traits_of


async def remember(prepared: Prepared | Refused, outcome: Outcome) -> None:
    """After the outcome stands in the ledger; once for a run, however often it is said."""
    if outcome != "verified" or not isinstance(prepared, Prepared) or prepared.carried is not None:
        return
    ledger, run_id, watching = prepared.ledger, prepared.facts.run_id, prepared.watching
    steps, spent = await ledger.steps_of(run_id), await ledger.spent_by(run_id)
    await ledger.record_traits(run_id, traits_of(steps, spent, len(watching.conversations), watching.sinks))
