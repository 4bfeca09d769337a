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
    alarms,
    asks,
    attendance,
    backtest,
    between,
    breakers,
    budgets,
    carried,
    caught,
    chain,
    classes,
    concerns,
    days,
    decisions,
    digests,
    draws,
    effects,
    evals,
    evidence,
    footing,
    gauges,
    grant,
    habits,
    halts,
    incidents,
    labels,
    layers,
    levels,
    mandates,
    marks,
    migration,
    moment,
    notices,
    people,
    pins,
    planted,
    probes,
    promotions,
    proposals,
    runs,
    settlement,
    staged,
    stalls,
    steps,
    stories,
    trusted,
    verify,
    waiting,
    worth,
)
from midwatch.ledger.database import connect
from midwatch.ledger.starts import Starts
from midwatch.ledger.transaction import Clock, now


class Ledger(Starts):
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
    holds = chain.holds
    verify = verify.verify

    start_run = runs.start_run
    finish_run = runs.finish_run
    run = runs.run
    recent_runs = runs.recent_runs
    runs_named = waiting.runs_named

    record_step = steps.record_step
    stored_steps = steps.stored_steps
    steps_of = steps.steps_of
    story_page = stories.story_page
    spent_by = steps.spent_by
    spent_today = days.spent_today
    spent_by_agent = days.spent_by_agent
    standing = budgets.standing
    unfinished_runs = stalls.unfinished_runs
    house_limits = budgets.house_limits_now
    set_house_limits = budgets.set_house_limits
    record_traits = habits.record_traits
    past_traits = habits.past_traits

    record_decision = decisions.record_decision
    decisions_of = decisions.decisions_of
    tools_decided = backtest.tools_decided
    agents_decided = backtest.agents_decided
    models_decided = backtest.models_decided
    count_decisions = backtest.count_decisions
    each_decision = backtest.each_decision
    record_override = backtest.record_override

    draw = draws.draw
    spent_in = draws.spent_in

    reserve = effects.reserve
    consume = effects.consume
    release = effects.release
    mark_unknown = effects.mark_unknown
    settle_effect = settlement.settle_effect
    effects_of = effects.effects_of

    stage = staged.stage
    staged_of = staged.staged_of
    staged_waiting = staged.staged_waiting
    approve_staged = staged.approve_staged
    refuse_staged = staged.refuse_staged
    take_staged = carried.take_staged

    cases_of = evals.cases_of
    record_eval = evals.record_eval
    last_eval = evals.last_eval

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
    moment = moment.moment
    asks_of_waiting_runs = waiting.asks_of_waiting_runs
    approval = grant.approval

    grant_level = levels.grant_level
    level_of = levels.level_of
    level_standing = levels.level_standing
    grants = levels.grants

    answer_worth = worth.answer_worth
    worth_answers_of = worth.worth_answers_of
    worth_history = worth.worth_history
    see_fingerprint = marks.see_fingerprint
    belongs_to = marks.belongs_to
    last_fingerprint = marks.last_fingerprint
    fingerprint = marks.fingerprint
    record_layers = layers.record_layers
    layers_of = layers.layers_of
    trust_in = classes.trust_in
    classes_allowed = classes.classes_allowed
    moves_of = classes.moves_of
    trusted = trusted.trusted
    class_record = evidence.class_record
    run_record = evidence.run_record
    rules_asked = evidence.rules_asked
    evidence_doubt = footing.evidence_doubt
    report_incident = incidents.report_incident
    incidents_of = incidents.incidents_of
    promote_class = promotions.promote_class
    promote_level = promotions.promote_level
    propose = proposals.propose
    refuse_proposal = proposals.refuse_proposal
    withdraw_proposal = proposals.withdraw_proposal
    open_proposals = proposals.open_proposals
    proposals_of = proposals.proposals_of

    grant_mandate = mandates.grant_mandate
    revoke_mandate = mandates.revoke_mandate
    mandates_in_force = mandates.mandates_in_force
    mandates_of = mandates.mandates_of

    add_label = labels.add_label
    labels_of = labels.labels_of

    see_tools = pins.see_tools
    accept_tools = pins.accept_tools
    pinned_tools = pins.pinned_tools
    pins = pins.pins

    see_people = people.see_people
    people = people.people
    ended_since = concerns.ended_since
    green_after = concerns.green_after
    last_green = concerns.last_green
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

    halt = halts.halt
    lift_halt = halts.lift_halt
    halt_of = halts.halt_of
    halts_in_force = halts.halts_in_force
    halts_since = halts.halts_since
    caught_by = caught.caught_by
    record_halt_check = halts.record_halt_check
    latest_halt_check = halts.latest_halt_check

    record_probe = probes.record_probe
    breaker = breakers.breaker
    breakers_of = breakers.breakers_of
    agents_ended_since = breakers.agents_ended_since
    ended_runs = breakers.ended_runs
    counted_run = breakers.counted_run
    open_breaker = breakers.open_breaker
    half_open = breakers.half_open
    admitted = breakers.admitted
    reopen = breakers.reopen
    put_off = breakers.put_off
    close_breaker = breakers.close_breaker
    breaker_pauses = breakers.breaker_pauses
    breaker_settled = breakers.breaker_settled
    gauges = gauges.gauges

    raise_alarm = alarms.raise_alarm
    end_alarm = alarms.end_alarm
    open_alarms = alarms.open_alarms
    alarms_between = alarms.alarms_between
    still_open = alarms.still_open

    person_seen = attendance.person_seen
    last_sign = attendance.last_sign
    trusted_agents = attendance.trusted_agents
    lower_unseen = attendance.lower_unseen
