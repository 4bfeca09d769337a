"""The ledger: what has an agent used today, and all of them? One row for each agent and UTC day, kept with every step."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final, TypedDict, Unpack

from sqlalchemy import bindparam, func, select, update

from midwatch.budget import Spent
from midwatch.ledger.tables import day_totals
from midwatch.ledger.transaction import Read, Write, reads


class Used(TypedDict, total=False):
    """What is added to totals; nothing where it is not said."""

    runs: int
    steps: int
    tokens: int
    usd: Decimal
    seconds: float
    unpriced_steps: int
    effects: int


NOTHING: Final = {
    "runs": 0,
    "steps": 0,
    "tokens": 0,
    "usd_nano": Decimal(0),
    "seconds": 0.0,
    "unpriced_steps": 0,
    "effects": 0,
}
"""The columns of every table of totals, at their beginning."""


def amounts(*, usd: Decimal = Decimal(0), **used: Any) -> dict[str, Any]:
    """What is added, by column."""
    return {**NOTHING, "usd_nano": usd, **used}


def add(tx: Write, agent: str, **used: Unpack[Used]) -> None:
    """Add to the agent's row of the day on which this transaction stands."""
    day, more = utc_day(tx.at), amounts(**used)
    named = {f"more_{name}": amount for name, amount in more.items()}
    if not tx.connection.execute(_ADD, {"this_agent": agent, "this_day": day, **named}).rowcount:
        tx.insert(day_totals, agent=agent, day=day, **more)


_ADD: Final = (
    update(day_totals)
    .where(day_totals.c.agent == bindparam("this_agent"), day_totals.c.day == bindparam("this_day"))
    .values({name: day_totals.c[name] + bindparam(f"more_{name}", type_=day_totals.c[name].type) for name in NOTHING})
)
_OF_AGENT: Final = select(day_totals).where(
    day_totals.c.agent == bindparam("agent"), day_totals.c.day == bindparam("day")
)
_OF_HOUSE: Final = select(
    *(func.coalesce(func.sum(day_totals.c[name]), 0).label(name) for name in NOTHING if name != "usd_nano"),
    func.sum(day_totals.c.usd_nano).label("usd_nano"),
).where(day_totals.c.day == bindparam("day"))


@reads
def spent_today(tx: Read, agent: str, day: date | datetime) -> Spent:
    """What all of the agent's runs used on one UTC day; the same cost however long the day was."""
    return of_agent(tx, agent, utc_day(day))


@reads
def spent_by_agent(tx: Read, day: date | datetime) -> dict[str, Spent]:
    """What each agent used on one UTC day, by name."""
    query = select(day_totals).where(day_totals.c.day == utc_day(day)).order_by(day_totals.c.agent)
    return {row["agent"]: spent_in(row) for row in tx.all(query)}


def of_agent(tx: Read, agent: str, day: date) -> Spent:
    """`spent_today` as a part of a larger transaction."""
    row = tx.connection.execute(_OF_AGENT, {"agent": agent, "day": day}).mappings().first()
    return Spent() if row is None else spent_in(row)


def of_house(tx: Read, day: date) -> Spent:
    """All agents together on one UTC day."""
    return spent_in(tx.connection.execute(_OF_HOUSE, {"day": day}).mappings().one())


def spent_in(row: Mapping[Any, Any]) -> Spent:
    """A row that keeps totals, as a value."""
    return Spent(
        runs=int(row["runs"]),
        steps=int(row["steps"]),
        tokens=int(row["tokens"]),
        usd=float(row["usd_nano"] or 0),
        minutes=float(row["seconds"]) / 60,
        effects=int(row["effects"]),
        unpriced_steps=int(row["unpriced_steps"]),
    )


def utc_day(when: date | datetime) -> date:
    """The day of a moment, wherever it was said; a day is itself."""
    return when.astimezone(UTC).date() if isinstance(when, datetime) else when
