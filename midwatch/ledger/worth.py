"""The ledger: what has an agent really done in a while, and what did a person say that its work is worth?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

from sqlalchemy import ColumnElement, RowMapping, and_, func, or_, select

from midwatch.approval import is_person
from midwatch.errors import LedgerError
from midwatch.ledger.columns import utc
from midwatch.ledger.journal import sha256
from midwatch.ledger.notices import BY_ITSELF
from midwatch.ledger.tables import asks, day_totals, habits, incidents, runs, steps, worth_answers
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.outcome import GREEN, Outcome
from midwatch.worth.answers import Answers
from midwatch.worth.history import AT_3, LAST, WINDOW, History
from midwatch.worth.profile import Profile
from midwatch.worth.sequence import CallMade, Piece

_REFUSED: Final = ("denied", "edited", "expired", "taken_over")
_JUDGED: Final = ("denied", "answered", "taken_over")
_LOOKED_AT: Final[frozenset[Outcome]] = frozenset({"failed", "unverified", "unknown"})


@dataclass(frozen=True, slots=True, kw_only=True)
class WorthRow:
    """What a person said of an agent's work, signed."""

    answers_id: int
    agent: str
    answers: Answers
    profile: Profile
    """What the agent's file said then."""
    by: str
    via: str
    at: datetime


@writes()
def answer_worth(tx: Write, agent: str, answers: Answers, profile: Profile, *, by: str, via: str) -> WorthRow:
    """Enter a person's answers; where just these stand already, what stands is returned.

    Raises:
        LedgerError: `by` is no person's name.
    """
    if not is_person(by, agent):
        raise LedgerError(f"what the work of {agent!r} is worth a person says, and {by!r} is none")
    facts = {"answers_json": _text(answers), "profile_json": _text(profile), "by": by, "via": via}
    standing = _latest(tx, agent)
    if standing is not None and all(standing[name] == value for name, value in facts.items()):
        return _worth_row(standing)
    row = tx.insert(worth_answers, agent=agent, at=tx.at, **facts)
    sealed = {f"{name}_sha256": sha256(facts.pop(name)) for name in ("answers_json", "profile_json")}
    tx.journal("worth_answered", None, answers_id=row["answers_id"], agent=agent, **facts, **sealed)
    return _worth_row(row)


@reads
def worth_answers_of(tx: Read, agent: str) -> WorthRow | None:
    """What counts now; None where nobody has said anything."""
    row = _latest(tx, agent)
    return None if row is None else _worth_row(row)


@reads
def worth_history(tx: Read, agent: str, now: datetime, *, window: timedelta = WINDOW, last: int = LAST) -> History:
    """What the agent did in the window before `now`, by its runs that have ended; a rehearsal did nothing.

    A run that was charged with an incident by `now` went wrong, however it ended; a major one was no work either.

    Args:
        last: the calls of so many verified runs are read, however long ago those were.
    """
    now = utc(now)
    midnight = datetime.combine(now - window, time(), now.tzinfo)
    did = and_(runs.c.agent == agent, ~runs.c.shadow)
    ended = and_(did, runs.c.outcome.is_not(None), runs.c.ending.is_distinct_from("held_off"))
    within = and_(ended, runs.c.started_at >= midnight, runs.c.started_at < now)
    told = tx.all(select(runs.c.run_id, runs.c.started_at, runs.c.outcome).where(within).order_by(runs.c.started_at))
    charged = _charged(tx, agent, now)
    starts = tuple(row["started_at"] for row in told)
    outcomes = [row["outcome"] for row in told]
    return History(
        since=starts[0] if starts else midnight,
        until=now,
        runs=len(told),
        verified=outcomes.count("verified"),
        noop=outcomes.count("verified_noop"),
        bad=sum(row["outcome"] in _LOOKED_AT or row["run_id"] in charged for row in told),
        pieces=_pieces(tx, within, charged),
        starts=starts,
        changed=_changed(tx, within),
        deciding=_deciding(tx, agent, midnight, now),
        last=_last(tx, did, last),
        **_spent(tx, agent, midnight, now),
        **_at_3(tx, ended, charged),
    )


def _text(value: Answers | Profile) -> str:
    return json.dumps(value.model_dump(mode="json"), sort_keys=True, default=sorted)


def _latest(tx: Read, agent: str) -> RowMapping | None:
    mine = select(worth_answers).where(worth_answers.c.agent == agent)
    return tx.first(mine.order_by(worth_answers.c.answers_id.desc()).limit(1))


def _worth_row(row: RowMapping) -> WorthRow:
    facts: dict[str, Any] = dict(row)
    answers = Answers.model_validate_json(facts.pop("answers_json"))
    return WorthRow(answers=answers, profile=Profile.model_validate_json(facts.pop("profile_json")), **facts)


def _charged(tx: Read, agent: str, now: datetime) -> Mapping[str, bool]:
    """The runs that are charged with an incident, and whether one of them is a major one."""
    mine = select(incidents.c.run_id, incidents.c.severity).where(incidents.c.agent == agent, incidents.c.at <= now)
    found: dict[str, bool] = {}
    for row in tx.all(mine):
        found[row["run_id"]] = found.get(row["run_id"], False) or row["severity"] == "major"
    return found


def _pieces(tx: Read, within: ColumnElement[bool], charged: Mapping[str, bool]) -> int:
    """Of work that was verified: items of a run, as far as it left word of them; else the run itself."""
    query = (
        select(runs.c.run_id, habits.c.traits_json)
        .select_from(runs)
        .outerjoin(habits, habits.c.run_id == runs.c.run_id)
    )
    rows = tx.all(query.where(within, runs.c.outcome == "verified"))
    kept = [row["traits_json"] for row in rows if not charged.get(row["run_id"])]
    return sum(int(json.loads(traits or "{}").get("items", 1)) for traits in kept)


def _spent(tx: Read, agent: str, since: datetime, until: datetime) -> Mapping[str, Any]:
    """From the rows of whole days, so that a year costs no more than a day."""
    sums = (func.sum(day_totals.c.usd_nano).label("usd"), func.sum(day_totals.c.unpriced_steps).label("unpriced"))
    days = (day_totals.c.day >= since.date(), day_totals.c.day <= until.date())
    row = tx.connection.execute(select(*sums).where(day_totals.c.agent == agent, *days)).mappings().one()
    return {"model_usd": row["usd"] or Decimal(0), "unpriced": int(row["unpriced"] or 0)}


def _changed(tx: Read, within: ColumnElement[bool]) -> int:
    """Runs in which a person did not just say yes; what was planted is no evidence of that."""
    other_call = and_(asks.c.verdict == "edited", asks.c.granted_digest.is_distinct_from(asks.c.digest))
    judged = (asks.c.planted == "", or_(asks.c.verdict.in_(_JUDGED), other_call))
    counted = select(func.count(func.distinct(runs.c.run_id))).join(asks, asks.c.run_id == runs.c.run_id)
    return int(tx.connection.execute(counted.where(within, *judged)).scalar_one())


def _deciding(tx: Read, agent: str, since: datetime, until: datetime) -> tuple[timedelta, ...]:
    """Of each of the agent's requests, how long its person can have thought about it at most."""
    decided = (asks.c.decided_at >= since, asks.c.decided_at < until, asks.c.verdict != "expired")
    query = select(asks.c.agent, asks.c.by, asks.c.created_at, asks.c.decided_at)
    by_people = query.where(*decided, asks.c.via.not_in(BY_ITSELF)).order_by(asks.c.decided_at, asks.c.ask_id)
    before: dict[str, datetime] = {}
    found = []
    for row in tx.all(by_people):
        if row["agent"] == agent:
            found.append(row["decided_at"] - max(row["created_at"], before.get(row["by"], row["created_at"])))
        before[row["by"]] = row["decided_at"]
    return tuple(found)


def _at_3(tx: Read, ended: ColumnElement[bool], charged: Mapping[str, bool]) -> Mapping[str, Any]:
    """The latest runs at level 3; those that a person or silence refused something say nothing of the agent's reliability."""
    refused = select(asks.c.run_id).where(asks.c.planted == "", asks.c.verdict.in_(_REFUSED))
    mine = select(runs.c.run_id, runs.c.outcome).where(ended, runs.c.level == 3, runs.c.run_id.not_in(refused))
    latest = tx.all(mine.order_by(runs.c.started_at.desc(), runs.c.run_id).limit(AT_3))
    good = [row for row in latest if row["outcome"] in GREEN and row["run_id"] not in charged]
    return {"at_3": len(latest), "green_at_3": len(good)}


def _last(tx: Read, did: ColumnElement[bool], last: int) -> tuple[Piece, ...]:
    mine = select(runs.c.run_id, runs.c.started_at, runs.c.input_json)
    verified = mine.where(did, runs.c.outcome == "verified")
    latest = verified.order_by(runs.c.started_at.desc(), runs.c.run_id).limit(last)
    return tuple(piece for row in tx.all(latest) for piece in _pieces_of(tx, row))


def _pieces_of(tx: Read, run: RowMapping) -> list[Piece]:
    """One for each conversation: `main`, or `item-0001` for the first item."""
    columns = (steps.c.position, steps.c.kind, steps.c.name, steps.c.detail, steps.c.result_json)
    mine = select(*columns).where(steps.c.run_id == run["run_id"], steps.c.kind.in_(("tool", "harness")))
    rows = tx.all(mine.order_by(steps.c.at, steps.c.position))
    items = next((json.loads(row["result_json"]) for row in rows if row["position"] == "items"), [None])
    names = ["main" if item is None else f"item-{number:04d}" for number, item in enumerate(items, start=1)]
    calls: dict[str, list[CallMade]] = {name: [] for name in names}
    for row in rows:
        if row["kind"] == "tool" and row["detail"] and _came_back(row["result_json"]):
            called = CallMade(tool=row["name"], args=json.loads(row["detail"]), result=sha256(row["result_json"] or ""))
            calls.setdefault(row["position"].partition("/")[0], []).append(called)
    known = {"run_id": run["run_id"], "input": json.loads(run["input_json"])}
    date = run["started_at"].astimezone().date().isoformat()
    return [
        Piece(**known, date=date, item=item, calls=tuple(calls[name])) for name, item in zip(names, items, strict=True)
    ]


def _came_back(result_json: str | None) -> bool:
    """What failed, or was sent back to the model as wrong, was done in another call or not at all."""
    result = json.loads(result_json) if result_json else None
    return not isinstance(result, dict) or result.get("kind", "tool_return") == "tool_return"
