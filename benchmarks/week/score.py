"""A week alone: how did it come out? Counted from the ledger's rows and from what the judge saw, and shown."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from rich.table import Table

from benchmarks.week.course import Course, Seen
from benchmarks.week.house import AGENTS
from benchmarks.week.judge import Colour, coloured
from benchmarks.week.person import ANNA, Answers
from midwatch.ledger import AskRow, Ledger, RunRow

OUTCOMES: Final = ("verified", "verified_noop", "unverified", "blocked", "failed", "unknown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One run, as it ended and as it was."""

    agent: str
    slot: str
    fault: str
    outcome: str
    reason: str
    colour: Colour
    wrong: Sequence[str]
    lives: int
    requests: int
    minutes: float
    asks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """One agent's week."""

    agent: str
    slots: Mapping[str, int]
    """By state, and why."""
    runs: int
    outcomes: Mapping[str, int]
    blocked: Mapping[str, int]
    """By cause."""
    false_greens: int
    false_reds: int
    asks: Mapping[str, int]
    """By verdict."""
    asked_again: int
    """Requests for a call that an earlier run had asked for already."""
    interruptions: int
    woken: int
    requests: int
    minutes: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    seed: int
    days: int
    began: str
    agents: Sequence[Tally]
    not_green: Sequence[Line]
    wrongly_coloured: Sequence[Line]
    faults_met: Mapping[str, int]
    troubles: Sequence[str]
    notices: Mapping[str, int]
    """By severity, and whether anybody was interrupted."""
    in_the_night: Sequence[str]
    by_day: Sequence[str]
    answers: Mapping[str, int]
    mail_lost: Sequence[str]
    duties_failed: Sequence[str]
    journal_holds: bool
    unaccounted: Sequence[str]
    """Slots of the schedules that have no account, runs without an outcome, and questions that still wait."""
    seconds: float


async def scored(course: Course, answers: Answers, slots: Mapping[str, Sequence[datetime]], **facts: Any) -> Result:
    """The week's result, `facts` being what the course does not know of itself."""
    ledger = course.ledger
    lines = [await _line(run_id, seen, ledger) for run_id, seen in course.runs.items()]
    known = [line for line in lines if line is not None]
    notices = await ledger.notices_since(course.began - timedelta(days=1))
    return Result(
        days=course.days,
        began=f"{course.began:%Y-%m-%d}",
        agents=[await _tally(agent, known, course, len(slots[agent])) for agent in AGENTS],
        not_green=[one for one in known if one.outcome not in ("verified", "verified_noop")],
        wrongly_coloured=[one for one in known if one.colour in ("false green", "false red")],
        faults_met=dict(Counter(f"{one.fault}: {one.outcome}" for one in known if one.fault != "none").most_common()),
        troubles=[f"{one.trouble} {one.since:%a %d %H:%M} to {one.until:%a %d %H:%M}" for one in course.plan.spans],
        notices=dict(Counter(f"{one.severity}, {'sent' if one.sent_at else 'held'}" for one in notices)),
        in_the_night=[_told(at, line) for at, line in course.sent if asleep(at)],
        by_day=[_told(at, line) for at, line in course.sent if not asleep(at)],
        answers=dict(answers.said),
        mail_lost=course.world.lost(course.mail),
        duties_failed=course.failing,
        journal_holds=(await ledger.verify_chain()).ok,
        unaccounted=await _unaccounted(course, slots),
        **facts,
    )


def asleep(at: datetime) -> bool:
    """Whether the person was in bed."""
    return ANNA.quiet is not None and ANNA.quiet.end(at, ANNA.zone) is not None


def cause(reason: str) -> str:
    """Of what blocked a run, the kind."""
    kinds = {
        "halt": "halted",
        "budget": "limit",
        "day": "limit",
        "limits.": "limit",
        "repeats itself": "loop",
        "nobody answered": "nobody answered",
        "person": "a person said no",
        "breaker": "breaker",
        "rule": "a rule denied it",
    }
    return next((kind for word, kind in kinds.items() if word in reason), re.sub(r"[\d:]+", "#", reason)[:60])


async def _line(run_id: Any, seen: Seen, ledger: Ledger) -> Line | None:
    row = await ledger.run(str(run_id))
    if row is None:
        return None
    asks = await ledger.asks_of(row.run_id)
    wrong, outcome = seen.wrong or [], row.outcome or "none"
    had_work = seen.agent == "machine-report" or bool(seen.before.inbox)
    return Line(
        agent=seen.agent,
        slot=f"{seen.instant:%a %d %H:%M}" if seen.instant else "probe",
        fault=seen.fault,
        outcome=outcome,
        reason=row.reason,
        colour=coloured(outcome, wrong, had_work=had_work),
        wrong=wrong,
        lives=seen.lives,
        requests=seen.requests,
        minutes=round(seen.seconds / 60, 3),
        asks=len(asks),
    )


async def _tally(agent: str, lines: Sequence[Line], course: Course, slots: int) -> Tally:
    mine = [line for line in lines if line.agent == agent]
    end = course.began + timedelta(days=course.days)
    rows = [row for row in await course.ledger.slots_between(agent, course.began, end) if row.instant is not None]
    runs = [str(run_id) for run_id, seen in course.runs.items() if seen.agent == agent]
    asks = [row for run_id in runs for row in await course.ledger.asks_of(run_id)]
    sent = [at for at, line in course.sent if agent in line]
    return Tally(
        agent=agent,
        slots={"due": slots, **Counter(f"{row.state} {row.why}".strip() for row in rows)},
        runs=len(mine),
        outcomes={name: count for name in OUTCOMES if (count := sum(one.outcome == name for one in mine))},
        blocked=dict(Counter(cause(one.reason) for one in mine if one.outcome == "blocked")),
        false_greens=sum(one.colour == "false green" for one in mine),
        false_reds=sum(one.colour == "false red" for one in mine),
        asks=dict(Counter(f"{row.kind} {row.verdict or 'open'}" for row in asks)),
        asked_again=sum(row.kind == "approve" for row in asks)
        - len({_call(row) for row in asks if row.kind == "approve"}),
        interruptions=len(sent),
        woken=sum(map(asleep, sent)),
        requests=sum(one.requests for one in mine),
        minutes=round(sum(one.minutes for one in mine), 1),
    )


def _call(row: AskRow) -> tuple[str, str]:
    return row.tool, row.args_json


async def _unaccounted(course: Course, slots: Mapping[str, Sequence[datetime]]) -> list[str]:
    """What a week must not leave behind."""
    end, left = course.began + timedelta(days=course.days), list[str]()
    for agent, instants in slots.items():
        rows = {row.instant for row in await course.ledger.slots_between(agent, course.began, end)}
        left += [f"{agent} {instant:%a %H:%M} has no account" for instant in instants if instant not in rows]
    for run_id in course.runs:
        row: RunRow | None = await course.ledger.run(str(run_id))
        if row is not None and row.outcome is None:
            left.append(f"run {run_id} of {row.agent} has no outcome")
    return left + [f"{row.agent} still asks: {row.tool}" for row in await course.ledger.open_asks()]


def _told(at: datetime, line: str) -> str:
    return f"{at.astimezone(ANNA.zone):%a %H:%M} {line}"


def tables(result: Result) -> list[Table]:
    """By agent; then what was not green, with its reason."""
    table = Table("", *(one.agent for one in result.agents))
    for name in Tally.__slots__[1:]:
        table.add_row(name.replace("_", " "), *(_cell(asdict(one)[name]) for one in result.agents))
    ends = Table("not green", "slot", "met", "outcome", "seen by the judge", "reason")
    for one in result.not_green:
        ends.add_row(one.agent, one.slot, one.fault, one.outcome, one.colour, one.reason[:200])
    return [table, ends]


def _cell(value: object) -> str:
    return "\n".join(f"{count} {name}" for name, count in value.items()) if isinstance(value, dict) else str(value)
