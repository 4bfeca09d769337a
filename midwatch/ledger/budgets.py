"""The ledger: what do runs draw on together, and is there room for one more effect?

A run draws on the budget of every run above it, so what it uses is added, in the same transaction, all the way up; no
limit is ever found out by walking over what was done.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Final, Unpack

from sqlalchemy import RowMapping, bindparam, select, text

from midwatch.budget import Pool, Spent, Standing, room_for_effect
from midwatch.ledger import days
from midwatch.ledger.journal import sha256
from midwatch.ledger.tables import house_limits, run_totals, steps
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.spec import DayLimits, Limits


def enter(tx: Write, run_id: str, parent: str | None, limits: Limits | None, stall_minutes: float | None) -> None:
    """A run begins, at nothing."""
    if parent is not None:
        tx.run(parent)
    tx.insert(
        run_totals,
        run_id=run_id,
        parent_id=parent,
        limits_json=None if limits is None else limits.model_dump_json(exclude_defaults=True),
        stall_minutes=stall_minutes,
        stepped_at=tx.at,
        **days.NOTHING,
    )
    add(tx, run_id, runs=1)


def add(tx: Write, run_id: str, *, step: str | None = None, **used: Unpack[days.Used]) -> None:
    """Add to what the run and all above it have used; it has just done something.

    Args:
        step: the position of the step that it has just finished.
    """
    tx.connection.execute(_ADD, {"this_run": run_id, "now": tx.at, "step": step, **days.amounts(**used)})


_UP: Final = (
    "WITH RECURSIVE up(run_id, parent_id) AS ("
    "SELECT run_id, parent_id FROM run_totals WHERE run_id = :this_run "
    "UNION SELECT above.run_id, above.parent_id FROM run_totals AS above JOIN up ON above.run_id = up.parent_id) "
)
_MORE: Final = ", ".join(f"{name} = {name} + :{name}" for name in days.NOTHING)
_ADD: Final = text(
    f"{_UP} UPDATE run_totals SET {_MORE}, "  # noqa: S608  # names of the schema alone
    "stepped_at = CASE WHEN run_id = :this_run THEN :now ELSE stepped_at END, "
    "last_step = CASE WHEN run_id = :this_run THEN coalesce(:step, last_step) ELSE last_step END "
    "WHERE run_id IN (SELECT run_id FROM up)"
).bindparams(
    *(bindparam(name, type_=run_totals.c[name].type) for name in days.NOTHING),
    bindparam("now", type_=run_totals.c.stepped_at.type),
    bindparam("step", type_=run_totals.c.last_step.type),
)
_FAMILY: Final = text(
    f"{_UP} SELECT run_totals.* FROM run_totals JOIN up ON run_totals.run_id = up.run_id"  # noqa: S608
).columns(*run_totals.c)


def begin_effect(tx: Write, run_id: str, agent: str) -> None:
    """Count one more effect, in the transaction that reserves it.

    Raises:
        BudgetSpent: some limit has no room for it; nothing is counted, and the effect must not begin.
    """
    rows = _upwards(tx, run_id)
    own = next((row for row in rows if row["run_id"] == run_id), None)
    limits = limits_in(own) if own is not None else None
    day = days.utc_day(tx.at)
    pools = [
        *(_pool(row, is_own=row is own) for row in rows),
        *([] if limits is None else [Pool(scope="day", bounds=limits.per_day, used=days.of_agent(tx, agent, day))]),
        *house_pools(tx, day),
    ]
    room_for_effect(pool for pool in pools if pool is not None)
    add(tx, run_id, effects=1)
    days.add(tx, agent, effects=1)


def has_begun(tx: Read, run_id: str) -> bool:
    """Whether it has finished a step. With its first one it is a run of its day; what was never let begin is none."""
    return tx.connection.execute(_FIRST, {"this_run": run_id}).first() is not None


_FIRST: Final = select(steps.c.run_id).where(steps.c.run_id == bindparam("this_run")).limit(1)


@reads
def standing(tx: Read, run_id: str, agent: str, now: datetime) -> Standing:
    """Everything that a run draws on, at one moment; the same cost however long it and the day were."""
    day, rows, house = days.utc_day(now), _upwards(tx, run_id), _house_limits(tx)
    itself = Spent(runs=0 if has_begun(tx, run_id) else 1)
    above = [_pool(row, is_own=False) for row in rows if row["run_id"] != run_id]
    return Standing(
        family=next((days.spent_in(row) for row in rows if row["run_id"] == run_id), Spent()),
        day=days.of_agent(tx, agent, day) + itself,
        house_day=days.of_house(tx, day) + itself if house != DayLimits() else Spent(),
        house=house,
        parents=tuple(pool for pool in above if pool is not None),
    )


@reads
def house_limits_now(tx: Read) -> DayLimits:
    """What all agents together may use on one UTC day."""
    return _house_limits(tx)


@writes()
def set_house_limits(tx: Write, limits: DayLimits, *, by: str, because: str) -> None:
    """From now on these hold, all of them; what is None does not bind."""
    body = {"limits_json": limits.model_dump_json(exclude_none=True), "by": by, "because": because}
    tx.insert(house_limits, at=tx.at, **body)
    tx.journal("house_limits", None, **{**body, "because": sha256(because)})


def _upwards(tx: Read, run_id: str) -> list[RowMapping]:
    """The totals of a run and of every run above it."""
    return list(tx.connection.execute(_FAMILY, {"this_run": run_id}).mappings())


def _pool(row: RowMapping, *, is_own: bool) -> Pool | None:
    limits = limits_in(row)
    if limits is None:
        return None
    return Pool(scope="run" if is_own else "parent", bounds=limits, used=days.spent_in(row))


def limits_in(row: RowMapping) -> Limits | None:
    """What a run may use, of its row of totals; None where nobody wrote it down."""
    return None if row["limits_json"] is None else Limits.model_validate_json(row["limits_json"])


def house_pools(tx: Read, day: date) -> list[Pool]:
    """What all agents draw on; nothing is added up where nobody has set a limit."""
    bounds = _house_limits(tx)
    return [Pool(scope="house", bounds=bounds, used=days.of_house(tx, day))] if bounds != DayLimits() else []


_LATEST: Final = select(house_limits.c.limits_json).order_by(house_limits.c.limits_id.desc()).limit(1)


def _house_limits(tx: Read) -> DayLimits:
    row = tx.first(_LATEST)
    return DayLimits() if row is None else DayLimits.model_validate_json(row["limits_json"])
