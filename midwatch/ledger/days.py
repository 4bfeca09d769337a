"""The ledger: what has an agent used today? One row for each agent and UTC day, kept with every step."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Final

from sqlalchemy import bindparam, select, update

from midwatch.budget import Spent
from midwatch.ledger.tables import day_totals
from midwatch.ledger.transaction import Read, Write, reads


def add(
    tx: Write,
    agent: str,
    *,
    runs: int = 0,
    steps: int = 0,
    tokens: int = 0,
    usd: Decimal = Decimal(0),
    seconds: float = 0.0,
    unpriced_steps: int = 0,
) -> None:
    """Add to the agent's row of the day on which this transaction stands."""
    amounts = {
        "runs": runs,
        "steps": steps,
        "tokens": tokens,
        "usd_nano": usd,
        "seconds": seconds,
        "unpriced_steps": unpriced_steps,
    }
    day = tx.at.astimezone(UTC).date()
    more = {f"more_{name}": amount for name, amount in amounts.items()}
    if not tx.connection.execute(_ADD, {"this_agent": agent, "this_day": day, **more}).rowcount:
        tx.insert(day_totals, agent=agent, day=day, **amounts)


_AMOUNTS: Final = ("runs", "steps", "tokens", "usd_nano", "seconds", "unpriced_steps")
_ADD: Final = (
    update(day_totals)
    .where(day_totals.c.agent == bindparam("this_agent"), day_totals.c.day == bindparam("this_day"))
    .values({name: day_totals.c[name] + bindparam(f"more_{name}", type_=day_totals.c[name].type) for name in _AMOUNTS})
)


@reads
def spent_today(tx: Read, agent: str, day: date | datetime) -> Spent:
    """What all of the agent's runs used on one UTC day; the same cost however long the day was."""
    when = day.astimezone(UTC).date() if isinstance(day, datetime) else day
    row = tx.first(select(day_totals).where(day_totals.c.agent == agent, day_totals.c.day == when))
    if row is None:
        return Spent()
    return Spent(
        runs=row["runs"],
        steps=row["steps"],
        tokens=row["tokens"],
        usd=float(row["usd_nano"]),
        minutes=row["seconds"] / 60,
        unpriced_steps=row["unpriced_steps"],
    )
