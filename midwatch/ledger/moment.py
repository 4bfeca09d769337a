"""The ledger: what happens at this moment? Asked every second, so nothing here takes longer the more has ever happened."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from sqlalchemy import RowMapping, Select, and_, func, select

from midwatch.budget import Spent
from midwatch.call_line import short_first
from midwatch.ledger import budgets, days
from midwatch.ledger.asks import AskKind
from midwatch.ledger.tables import asks, day_totals, effects, run_totals, runs, steps
from midwatch.ledger.transaction import Read, reads
from midwatch.outcome import Outcome
from midwatch.run import Cause, Level
from midwatch.spec import Limits

MOST: Final = 100
"""Runs, and questions, that are read; the others are counted."""
ENDED: Final = 20
LATEST: Final = 500
"""Effects among which one is looked for that is under way: there is no index of them, and the newest have the highest ids."""
SHOWN: Final = 400
"""Characters of a text, which may have millions."""
READ: Final = 20_000
"""Of arguments, of which the short ones are shown first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenRun:
    """A run that has not ended."""

    run_id: str
    agent: str
    cause: Cause
    level: Level
    started_at: datetime
    spent: Spent
    """With the runs that it started."""
    limits: Limits | None
    """None where nobody wrote down what it may use."""
    stepped_at: datetime
    """When it last finished a step, or began."""
    last_step: str
    """Its name; empty before the first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnderWay:
    """An effect that has begun and of which nobody has seen the end."""

    run_id: str
    tool: str
    reserved_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenAsk:
    """A question that waits."""

    ask_id: str
    run_id: str
    agent: str
    kind: AskKind
    tool: str
    rule: str
    args: str
    """The beginning of its arguments: no longer JSON where it is cut."""
    created_at: datetime
    deadline: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedRun:
    """A run that has ended."""

    run_id: str
    agent: str
    outcome: Outcome
    finished_at: datetime
    reason: str
    """Its beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """What is, as the ledger knows it."""

    runs: tuple[OpenRun, ...] = ()
    """The latest first, at most `MOST` of `open_runs`."""
    open_runs: int = 0
    asks: tuple[OpenAsk, ...] = ()
    """What ends first is first, at most `MOST` of `open_asks`."""
    open_asks: int = 0
    under_way: tuple[UnderWay, ...] = ()
    ended: tuple[EndedRun, ...] = ()
    """The latest first."""
    today: Mapping[str, Spent] = field(default_factory=dict)
    """By agent, of the UTC day."""


@reads
def moment(tx: Read, now: datetime, agents: Collection[str] = ()) -> Moment:
    """What runs, waits, has just ended and was spent today.

    Args:
        agents: whose money of the day is wanted, besides those that run or have just ended.
    """
    open_now, ended = [_run(row) for row in tx.all(_OPEN)], [EndedRun(**row) for row in tx.all(_ENDED)]
    everybody = {*agents, *(run.agent for run in open_now), *(run.agent for run in ended)}
    going = {run.run_id for run in open_now}
    return Moment(
        runs=tuple(open_now),
        open_runs=_count(tx, _OPEN_RUNS),
        asks=tuple(OpenAsk(**{**row, "args": short_first(row["args"])[:SHOWN]}) for row in tx.all(_WAITING)),
        open_asks=_count(tx, _OPEN_ASKS),
        under_way=tuple(UnderWay(**row) for row in tx.all(_UNDER_WAY) if row["run_id"] in going),
        ended=tuple(ended),
        today=_today(tx, everybody, now),
    )


def _run(row: RowMapping) -> OpenRun:
    return OpenRun(
        **{name: row[name] for name in ("run_id", "agent", "cause", "level", "started_at")},
        spent=days.spent_in(row) if row["stepped_at"] else Spent(runs=1),
        limits=budgets.limits_in(row),
        stepped_at=row["stepped_at"] or row["started_at"],
        last_step=row["last_step"] or "",
    )


def _today(tx: Read, agents: Collection[str], now: datetime) -> dict[str, Spent]:
    """By the whole key, so that a day costs the same however many days there were."""
    mine = (day_totals.c.agent.in_(sorted(agents)), day_totals.c.day == days.utc_day(now))
    rows: Sequence[Any] = tx.all(select(day_totals).where(*mine))
    return {row["agent"]: days.spent_in(row) for row in rows}


def _count(tx: Read, query: Select[tuple[int]]) -> int:
    return int(tx.connection.scalar(query) or 0)


_OPEN: Final = (
    select(
        *(runs.c[name] for name in ("run_id", "agent", "cause", "level", "started_at")),
        *(
            column
            for column in run_totals.c
            if column.name not in ("run_id", "parent_id", "stall_minutes", "last_step")
        ),
        steps.c.name.label("last_step"),
    )
    .outerjoin(run_totals, run_totals.c.run_id == runs.c.run_id)
    .outerjoin(steps, and_(steps.c.run_id == runs.c.run_id, steps.c.position == run_totals.c.last_step))
    .where(runs.c.finished_at.is_(None))
    .order_by(runs.c.started_at.desc(), runs.c.run_id)
    .limit(MOST)
)
_OPEN_RUNS: Final = select(func.count()).select_from(runs).where(runs.c.finished_at.is_(None))
_OPEN_ASKS: Final = select(func.count()).select_from(asks).where(asks.c.verdict.is_(None))
_ENDED: Final = (
    select(
        *(runs.c[name] for name in ("run_id", "agent", "outcome", "finished_at")),
        func.substr(runs.c.reason, 1, SHOWN).label("reason"),
    )
    .where(runs.c.finished_at.is_not(None))
    .order_by(runs.c.finished_at.desc(), runs.c.run_id)
    .limit(ENDED)
)
_WAITING: Final = (
    select(
        *(asks.c[name] for name in ("ask_id", "run_id", "agent", "kind", "tool", "rule", "created_at", "deadline")),
        func.substr(asks.c.args_json, 1, READ).label("args"),
    )
    .where(asks.c.verdict.is_(None))
    .order_by(asks.c.deadline.is_(None), asks.c.deadline, asks.c.created_at, asks.c.ask_id)
    .limit(MOST)
)
_NEWEST: Final = select(func.coalesce(func.max(effects.c.effect_id), 0) - LATEST).scalar_subquery()
_UNDER_WAY: Final = (
    select(effects.c.run_id, effects.c.tool, effects.c.reserved_at)
    .where(effects.c.effect_id > _NEWEST, effects.c.state == "reserved")
    .order_by(effects.c.effect_id)
)
