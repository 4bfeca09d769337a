"""The ledger: what starts a run, and what became of it? The calls about slots, schedules, and what arrives from outside."""

from __future__ import annotations

from midwatch.ledger import arrivals, chains, dispatch, lapses, refused, schedules, slots
from midwatch.ledger.transaction import Store


class Starts(Store):
    """A part of `Ledger`."""

    claim_slot = slots.claim_slot
    account_slots = slots.account_slots
    close_slot = slots.close_slot
    refuse_slot = slots.refuse_slot
    slot_looked = slots.slot_looked
    slot = slots.slot
    waiting_slots = slots.waiting_slots
    slots_between = slots.slots_between
    lapses_between = lapses.lapses_between
    see_schedules = schedules.see_schedules
    schedules_standing = schedules.schedules_standing
    schedules_of = schedules.schedules_of

    enter_arrival = arrivals.enter_arrival
    known_deliveries = arrivals.known_deliveries
    arrival = arrivals.arrival
    is_from_outside = arrivals.is_from_outside
    agents_due = dispatch.agents_due
    arrivals_due = dispatch.arrivals_due
    arrivals_started_since = dispatch.arrivals_started_since
    runs_left_today = dispatch.runs_left_today
    gather_arrivals = dispatch.gather_arrivals
    arrival_started = dispatch.arrival_started
    arrival_failed = dispatch.arrival_failed
    retry_arrival = dispatch.retry_arrival
    set_aside_of = dispatch.set_aside_of
    refused_between = refused.refused_between
    chain_mark = chains.chain_mark
    move_chain_mark = chains.move_chain_mark
    keep_chain_marks = chains.keep_chain_marks
    endings_after = chains.endings_after
    arrivals = arrivals.arrivals
