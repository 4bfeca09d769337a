"""The ledger: how much of everything is there, for a graph? A handful of sums, none of which reads a run's steps."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Select, func, select

from midwatch.ledger.asks import AskKind
from midwatch.ledger.tables import asks, day_totals, notices, runs
from midwatch.ledger.transaction import Read, reads
from midwatch.outcome import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What an agent has used, ever."""

    agent: str
    runs: int
    steps: int
    tokens: int
    usd: float
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauges:
    used: tuple[Used, ...]
    ended: tuple[tuple[str, Outcome, int], ...]
    """Agent, outcome and number of the runs that ended in the while; without rehearsals."""
    under_way: tuple[tuple[str, int], ...]
    """Agent and number of runs; those that wait count."""
    waiting: tuple[tuple[str, AskKind, int, datetime], ...]
    """Agent, kind and number of the open questions, and since when the oldest waits."""
    interruptions: tuple[tuple[str, int], ...]
    """Person and number, in the while."""


@reads
def gauges(tx: Read, since: datetime) -> Gauges:
    """As of now; what is said of a while is about what came after `since`."""
    sums = [func.sum(day_totals.c[name]).label(name) for name in ("runs", "steps", "tokens", "usd_nano", "seconds")]
    used = tx.all(select(day_totals.c.agent, *sums).group_by(day_totals.c.agent).order_by(day_totals.c.agent))
    ended = (
        select(runs.c.agent, runs.c.outcome)
        .where(runs.c.finished_at >= since, ~runs.c.shadow)
        .order_by(runs.c.finished_at)
    )
    going_on = select(runs.c.agent).where(runs.c.finished_at.is_(None))
    number, oldest = func.count().label("number"), func.min(asks.c.created_at).label("oldest")
    waiting = select(asks.c.agent, asks.c.kind, number, oldest).where(asks.c.verdict.is_(None))
    told = select(notices.c.person).where(notices.c.sent_at >= since).order_by(notices.c.sent_at)
    return Gauges(
        used=tuple(
            Used(
                agent=row["agent"],
                runs=int(row["runs"]),
                steps=int(row["steps"]),
                tokens=int(row["tokens"]),
                usd=float(row["usd_nano"]),
                seconds=float(row["seconds"]),
            )
            for row in used
        ),
        ended=tuple((agent, outcome, count) for (agent, outcome), count in _counted(tx, ended)),
        under_way=tuple((agent, count) for (agent,), count in _counted(tx, going_on)),
        waiting=tuple(
            (row["agent"], row["kind"], row["number"], row["oldest"])
            for row in tx.all(waiting.group_by(asks.c.agent, asks.c.kind).order_by(asks.c.agent, asks.c.kind))
        ),
        interruptions=tuple((person, count) for (person,), count in _counted(tx, told)),
    )


def _counted(tx: Read, query: Select[Any]) -> list[tuple[tuple[Any, ...], int]]:
    """How often each row is there. To group them itself, SQLite would walk through all that ever was, in that order."""
    return sorted(Counter(tuple(row.values()) for row in tx.all(query)).items())
