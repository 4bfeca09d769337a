"""The ledger: everything that can be asked of it and told to it, in one place.

Every call is one transaction. Most are idempotent by the key that they name: a replayed run says the same things again,
and nothing changes. What is not there, does not fit or cannot be reached is a `LedgerError`.

    async with Ledger.open(url) as ledger:
        await ledger.migrate()
        await ledger.start_run(...)
"""

from __future__ import annotations

from typing import Self

from midwatch.ledger import (
    asks,
    chain,
    days,
    decisions,
    draws,
    effects,
    grant,
    labels,
    levels,
    migration,
    pins,
    probes,
    runs,
    settlement,
    slots,
    steps,
)
from midwatch.ledger.database import connect
from midwatch.ledger.transaction import Clock, Store, now


class Ledger(Store):
    """One database; use it on one event loop, and close it."""

    @classmethod
    def open(cls, url: str, *, clock: Clock = now) -> Self:
        """The ledger at `sqlite+aiosqlite:///PATH` or `postgresql+asyncpg://...`. Connects at its first call."""
        return cls(connect(url), clock)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Let go of the database."""
        await self._database.close()

    migrate = migration.migrate
    verify_chain = chain.verify_chain

    claim_slot = slots.claim_slot

    start_run = runs.start_run
    finish_run = runs.finish_run
    run = runs.run
    recent_runs = runs.recent_runs

    record_step = steps.record_step
    stored_steps = steps.stored_steps
    steps_of = steps.steps_of
    spent_by = steps.spent_by
    spent_today = days.spent_today

    record_decision = decisions.record_decision
    decisions_of = decisions.decisions_of

    draw = draws.draw
    spent_in = draws.spent_in

    reserve = effects.reserve
    consume = effects.consume
    release = effects.release
    mark_unknown = effects.mark_unknown
    settle_effect = settlement.settle_effect
    effects_of = effects.effects_of

    open_ask = asks.open_ask
    decide_ask = asks.decide_ask
    ask = asks.ask
    open_asks = asks.open_asks
    overdue_asks = asks.overdue_asks
    asks_of = asks.asks_of
    approvals_asked = asks.approvals_asked
    approval = grant.approval

    grant_level = levels.grant_level
    level_of = levels.level_of
    grants = levels.grants

    add_label = labels.add_label
    inherit_labels = labels.inherit_labels
    labels_of = labels.labels_of

    see_tools = pins.see_tools
    accept_tools = pins.accept_tools
    pins = pins.pins

    record_probe = probes.record_probe
    latest_probe = probes.latest_probe
