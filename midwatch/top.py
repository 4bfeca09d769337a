"""Human judgment: what is going on at this moment, and what of it needs me first? A picture of the ledger, as values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

from midwatch.attention import Person
from midwatch.budget import Meter, Pool, Spent
from midwatch.halt import Halt
from midwatch.ledger import AlarmRow, BreakerRow
from midwatch.ledger.asks import AskKind
from midwatch.ledger.moment import EndedRun, Moment, OpenAsk, OpenRun
from midwatch.run import Cause, Level

State = Literal["works", "halted", "waits"]
"""A run that waits has no process."""
_FIRST: Final[dict[AskKind, int]] = {"settle": 0, "park": 1}
"""First what may have done harm already, then what cannot go on; everything else by its deadline."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Something that keeps runs from working, or is not as it should be."""

    kind: Literal["halt", "breaker", "alarm"]
    words: str
    """Of Midwatch and of whoever halted; the words of an agent stand in `cause`."""
    cause: str = ""
    command: str = ""
    """What lifts it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Need:
    """What waits for a person: questions of one agent of the same kind."""

    kind: AskKind
    agent: str
    tool: str
    args: str
    """Of the first one."""
    questions: int
    run_ids: tuple[str, ...]
    asked_at: datetime
    deadline: datetime | None
    """The first of them."""
    people: tuple[str, ...]
    """Who answers for the agent; empty: whoever looks into the inbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worker:
    """A run that has not ended."""

    run_id: str
    agent: str
    cause: Cause
    level: Level
    started_at: datetime
    state: State
    doing: str
    """What is under way, else the last thing that it has done; empty before its first step."""
    under_way: bool
    doing_at: datetime
    """Since when, or when it was done."""
    spent: Spent
    meters: tuple[Meter, ...]
    """Of the run's limits; empty where nobody wrote them down."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Top:
    """Everything that `midwatch top` shows, what needs a person first."""

    at: datetime
    stops: tuple[Stop, ...]
    needs: tuple[Need, ...]
    workers: tuple[Worker, ...]
    ended: tuple[EndedRun, ...]
    today: Spent
    """Of all agents, since midnight UTC."""
    open_runs: int
    open_asks: int
    """All of them, where the lists hold fewer."""


def top_of(
    now: datetime,
    found: Moment,
    *,
    halts: Sequence[Halt] = (),
    breakers: Sequence[BreakerRow] = (),
    alarms: Sequence[AlarmRow] = (),
    people: Sequence[Person] = (),
) -> Top:
    """All of it, the most urgent first."""
    return Top(
        at=now,
        stops=(*map(_halt, halts), *(_alarm(one) for one in alarms), *_breakers(breakers)),
        needs=tuple(_needs(found.asks, people)),
        workers=tuple(_workers(found, halts)),
        ended=found.ended,
        today=sum(found.today.values(), Spent()),
        open_runs=found.open_runs,
        open_asks=found.open_asks,
    )


def _halt(one: Halt) -> Stop:
    return Stop(kind="halt", words=one.words(), command=one.target.lifted_by())


def _alarm(one: AlarmRow) -> Stop:
    return Stop(kind="alarm", words=f"{one.what} ({one.severity}, since {one.raised_at:%Y-%m-%d %H:%M} UTC)")


def _breakers(rows: Sequence[BreakerRow]) -> list[Stop]:
    return [
        Stop(
            kind="breaker",
            words=f"{one.agent} is kept from running after {one.failures} failures; tried again {_again(one)}",
            cause=one.cause,
        )
        for one in rows
        if one.state != "closed"
    ]


def _again(one: BreakerRow) -> str:
    return "with its next run" if one.state == "half_open" else f"from {one.probe_at:%Y-%m-%d %H:%M} UTC on"


def _needs(asks: Sequence[OpenAsk], people: Sequence[Person]) -> list[Need]:
    """One for all questions of an agent that are of one kind, about one tool, under one rule."""
    alike: dict[object, list[OpenAsk]] = {}
    for ask in asks:
        alike.setdefault((ask.agent, ask.kind, ask.tool, ask.rule), []).append(ask)
    return sorted((_need(rows, people) for rows in alike.values()), key=_urgency)


def _need(rows: Sequence[OpenAsk], people: Sequence[Person]) -> Need:
    first = rows[0]
    return Need(
        kind=first.kind,
        agent=first.agent,
        tool=first.tool,
        args=first.args,
        questions=len(rows),
        run_ids=tuple(dict.fromkeys(row.run_id for row in rows)),
        asked_at=min(row.created_at for row in rows),
        deadline=min((row.deadline for row in rows if row.deadline), default=None),
        people=tuple(one.name for one in people if one.answers_for(first.agent)),
    )


def _urgency(need: Need) -> tuple[int, bool, datetime]:
    return _FIRST.get(need.kind, 2), need.deadline is None, need.deadline or need.asked_at


def _workers(found: Moment, halts: Sequence[Halt]) -> list[Worker]:
    """First what works, the one that has been at it longest before the others; then what is halted, or waits."""
    waiting = {ask.run_id for ask in found.asks}
    order: tuple[State, ...] = ("works", "halted", "waits")
    workers = [_worker(run, found, _state(run, waiting, halts)) for run in found.runs]
    return sorted(workers, key=lambda one: (order.index(one.state), one.started_at, one.run_id))


def _state(run: OpenRun, waiting: set[str], halts: Sequence[Halt]) -> State:
    if any(one.covers(run.agent, run.run_id) for one in halts):
        return "halted"
    return "waits" if run.run_id in waiting else "works"


def _worker(run: OpenRun, found: Moment, state: State) -> Worker:
    begun = next((one for one in found.under_way if one.run_id == run.run_id), None)
    doing, at = (begun.tool, begun.reserved_at) if begun else (run.last_step, run.stepped_at)
    return Worker(
        run_id=run.run_id,
        agent=run.agent,
        cause=run.cause,
        level=run.level,
        started_at=run.started_at,
        state=state,
        doing=doing,
        under_way=begun is not None,
        doing_at=at,
        spent=run.spent,
        meters=tuple(Pool(scope="run", bounds=run.limits, used=run.spent).meters()) if run.limits else (),
    )
