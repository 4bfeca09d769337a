"""The ledger: how much of a rule's budget have the calls of an agent taken, in a window that slides?

A call draws in the transaction in which it may begin, with no other writer beside it: two runs that race can never take
more together than there is. A draw is kept by call and rule, so a replayed call draws once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from sqlalchemy import delete, func, select

from midwatch.errors import WindowFull
from midwatch.ledger import decisions, mandates
from midwatch.ledger.decisions import Decided
from midwatch.ledger.tables import draws
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.window import Draw, Window, exact_product, exact_sum, overdrawn


@writes()
def draw(tx: Write, run_id: str, call_id: str, taken: Sequence[Draw], decided: Decided) -> None:
    """For a call that is no effect; an effect draws with its reservation (`reserve(draws=...)`).

    Raises:
        WindowFull: it does not fit, or its mandate stands no more; nothing was drawn.
    """
    decisions.enter(tx, run_id, decided)
    enter(tx, run_id, call_id, taken)


@reads
def spent_in(
    tx: Read, agent: str, windows: Sequence[Window], now: datetime, *, run_id: str, call_id: str
) -> Mapping[str, Decimal]:
    """By rule, what its window has seen until now, without this call of this run."""
    return {window.rule: _spent(tx, agent, window, now, (run_id, call_id)) for window in windows}


def enter(tx: Write, run_id: str, call_id: str, taken: Iterable[Draw]) -> None:
    """`draw` as a part of a larger transaction."""
    agent = tx.agent_of(run_id)
    for one in taken:
        window, key = one.window, {"run_id": run_id, "call_id": call_id, "rule": one.window.rule}
        if tx.at_key(draws, key) is not None:
            continue
        if one.mandate is not None and (over := mandates.ended(tx, one.mandate, agent, tx.at)):
            raise WindowFull(over)
        why = overdrawn(window, _spent(tx, agent, window, tx.at, (run_id, call_id)), one.amount)
        if why and one.held:
            raise WindowFull(f"rule {window.rule}: {why}")
        facts = {"measure": window.measure, "amount": f"{one.amount:f}"}
        tx.insert(draws, **key, **facts, agent=agent, at=tx.at)
        tx.journal("draw", run_id, call_id=call_id, rule=window.rule, **facts)


def give_back(tx: Write, run_id: str, call_id: str) -> None:
    """The call did nothing after all."""
    if tx.changed(delete(draws).where(draws.c.run_id == run_id, draws.c.call_id == call_id)):
        tx.journal("draw_given_back", run_id, call_id=call_id)


def _spent(tx: Read, agent: str, window: Window, now: datetime, but: tuple[str, str]) -> Decimal:
    """Equal amounts are counted by the database, and added exactly here. A draw from the future counts: clocks differ."""
    mine = (draws.c.agent == agent, draws.c.rule == window.rule, draws.c.measure == window.measure)
    others = (draws.c.run_id != but[0]) | (draws.c.call_id != but[1])
    query = select(draws.c.amount, func.count().label("times")).where(*mine, draws.c.at > now - window.length, others)
    rows = tx.all(query.group_by(draws.c.amount))
    return exact_sum(exact_product(Decimal(row["amount"]), row["times"]) for row in rows)
