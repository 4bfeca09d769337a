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
    between,
    chain,
    concerns,
    days,
    decisions,
    digests,
    draws,
    effects,
    grant,
    labels,
    levels,
    mandates,
    migration,
    notices,
    people,
    pins,
    planted,
    probes,
    runs,
    settlement,
    slots,
    steps,
    waiting,
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
    runs_starting = waiting.runs_starting

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
    open_round = planted.open_round
    planted_decided = planted.planted_decided
    decide_ask = asks.decide_ask
    ask = asks.ask
    open_asks = asks.open_asks
    overdue_asks = asks.overdue_asks
    asks_of = asks.asks_of
    approvals_asked = asks.approvals_asked
    decided_runs = waiting.decided_runs
    open_ask_ids = waiting.open_ask_ids
    parked_asks = waiting.parked_asks
    asks_of_waiting_runs = waiting.asks_of_waiting_runs
    approval = grant.approval

    grant_level = levels.grant_level
    level_of = levels.level_of
    grants = levels.grants

    grant_mandate = mandates.grant_mandate
    revoke_mandate = mandates.revoke_mandate
    mandates_in_force = mandates.mandates_in_force
    mandates_of = mandates.mandates_of

    add_label = labels.add_label
    inherit_labels = labels.inherit_labels
    labels_of = labels.labels_of

    see_tools = pins.see_tools
    accept_tools = pins.accept_tools
    pins = pins.pins

    see_people = people.see_people
    people = people.people
    ended_since = concerns.ended_since
    green_after = concerns.green_after
    risk_asked = concerns.risk_asked

    note_situation = notices.note_situation
    weighed = notices.weighed
    claim_notice = notices.claim_notice
    notice_sent = notices.notice_sent
    notice_failed = notices.notice_failed
    close_notice = notices.close_notice
    open_notices = notices.open_notices
    notices_since = notices.notices_since
    sent_since = notices.sent_since
    held_back = notices.held_back

    runs_between = between.runs_between
    done_between = between.done_between
    decided_between = between.decided_between
    spent_between = between.spent_between
    begin_digest = digests.begin_digest
    claim_delivery = digests.claim_delivery
    delivery_taken = digests.delivery_taken
    delivery_refused = digests.delivery_refused
    deliveries_of = digests.deliveries_of
    last_digest = digests.last_digest

    record_probe = probes.record_probe
    latest_probe = probes.latest_probe
