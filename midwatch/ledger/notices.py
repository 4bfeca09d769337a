"""The ledger: of what was this person told, when and how, and what was held back? One row for an incident and a person.

    note_situation ──> weighed ──> claim_notice ──> notice_sent
                          ^             │
                          └─────────────┴─> notice_failed: tried again after a while, longer each time

A question or a run that has ended (a subject) belongs to one incident of each person, for ever. An incident is open until
`close_notice`; what comes after somebody answered a part of it is a new one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from sqlalchemy import RowMapping, func, or_, select, update

from midwatch.attention import Situation, Subject, Topic
from midwatch.ledger.asks import AskRow, AskVerdict
from midwatch.ledger.tables import asks, notice_subjects, notices, people
from midwatch.ledger.transaction import Read, Write, reads, writes
from midwatch.severity import Severity

NoticeVerdict = Literal["interrupt", "later"]
FIRST_PAUSE: Final = timedelta(seconds=60)
"""Between two tries to send one, longer than a try can last; doubled each time."""
LONGEST_PAUSE: Final = timedelta(minutes=30)
ATTENDED: Final = timedelta(minutes=2)
"""So long after it last looked, a notifier counts as gone, and nothing is held back."""
BY_ITSELF: Final = ("keeper", "run")
"""Doors through which no person comes."""
UNWEIGHED: Final = timedelta(seconds=30)
"""So long a new question is held back until it is weighed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SubjectRow:
    """A question, as it stands, or a run that has ended, of which the last five are None."""

    subject: str
    run_id: str
    rule: str
    at: datetime
    verdict: AskVerdict | None
    by: str | None
    via: str | None
    decided_at: datetime | None
    planted: str | None
    """Not empty: it only measured whether people look."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticeRow:
    """An incident, as one person is told of it."""

    notice_id: str
    person: str
    key: str
    agent: str
    topic: Topic
    severity: Severity
    first_at: datetime
    last_at: datetime
    times: int
    """How many subjects it has."""
    verdict: NoticeVerdict | None
    """None: it was not weighed yet."""
    why: str
    tries: int
    tried_at: datetime | None
    fault: str
    """What the last try failed of; empty when it did not."""
    sent_at: datetime | None
    """When a channel had taken it; None: the person was not interrupted."""
    channel: str | None
    closed_at: datetime | None
    closed_by: str | None
    """A person, `run ID`, or `nobody` where deadlines ended it."""
    acted: int | None
    """Of a failure that is over: whether somebody had done something about it."""
    subjects: tuple[SubjectRow, ...]
    """Oldest first."""


@writes()
def note_situation(tx: Write, person: str, situation: Situation) -> str | None:
    """Count what is new of it on the open incident of this key, or on a new one; its id, None where nothing is new."""
    fresh = [one for one in situation.subjects if tx.at_key(notice_subjects, _subject(person, one)) is None]
    if not fresh:
        return None
    notice_id = _standing(tx, person, situation.key, fresh[0].at) or _opened(tx, person, situation, fresh[0])
    for one in fresh:
        key = _subject(person, one)
        tx.insert(notice_subjects, **key, notice_id=notice_id, run_id=one.run_id, rule=one.rule, at=one.at)
    mine = update(notices).where(notices.c.notice_id == notice_id)
    tx.changed(mine.values(times=notices.c.times + len(fresh), last_at=max(one.at for one in fresh)))
    tx.journal("notice_counted", None, notice_id=notice_id, person=person, subjects=[one.id for one in fresh])
    return notice_id


@writes()
def weighed(tx: Write, notice_id: str, verdict: NoticeVerdict, why: str) -> None:
    """Whether the person is to be interrupted, as it was weighed last."""
    other = (notices.c.verdict.is_(None)) | (notices.c.verdict != verdict) | (notices.c.why != why)
    mine = update(notices).where(notices.c.notice_id == notice_id, notices.c.sent_at.is_(None), other)
    if tx.changed(mine.values(verdict=verdict, why=why)):
        tx.journal("notice_weighed", None, notice_id=notice_id, verdict=verdict, why=why)


@writes()
def claim_notice(tx: Write, notice_id: str) -> bool:
    """The right to send it now: for one caller, until a pause has passed.

    Where that one dies between sending and `notice_sent`, nobody knows whether it arrived, and it is sent once more.
    """
    row = tx.at_key(notices, {"notice_id": notice_id})
    if row is None or row["sent_at"] is not None or row["closed_at"] is not None:
        return False
    if row["tried_at"] is not None and tx.at < row["tried_at"] + pause(row["tries"]):
        return False
    mine = update(notices).where(notices.c.notice_id == notice_id)
    tx.changed(mine.values(tries=notices.c.tries + 1, tried_at=tx.at))
    tx.journal("notice_claimed", None, notice_id=notice_id, tries=row["tries"] + 1)
    return True


@writes()
def notice_sent(tx: Write, notice_id: str, channel: str) -> None:
    """A channel has taken it: the person is interrupted."""
    unsent = update(notices).where(notices.c.notice_id == notice_id, notices.c.sent_at.is_(None))
    if tx.changed(unsent.values(sent_at=tx.at, channel=channel, fault="")):
        tx.journal("notice_sent", None, notice_id=notice_id, channel=channel)


@writes()
def notice_failed(tx: Write, notice_id: str, fault: str) -> None:
    """No channel has taken it."""
    tx.changed(update(notices).where(notices.c.notice_id == notice_id).values(fault=fault))
    tx.journal("notice_failed", None, notice_id=notice_id, fault=fault)


@writes()
def close_notice(tx: Write, notice_id: str, by: str, *, acted: bool | None = None) -> bool:
    """It is over; False where it was already. What repeats from now on is a new incident."""
    return _close(tx, notice_id, by, acted)


@reads
def open_notices(tx: Read) -> list[NoticeRow]:
    """Every incident that is not over, the oldest first."""
    return _rows(tx, notices.c.closed_at.is_(None))


@reads
def notices_since(tx: Read, since: datetime) -> list[NoticeRow]:
    """Every incident that began, grew, was told or ended since then, the oldest first."""
    moments = (notices.c.first_at, notices.c.last_at, notices.c.sent_at, notices.c.closed_at)
    return _rows(tx, or_(*(moment >= since for moment in moments)))


@reads
def sent_since(tx: Read, person: str, since: datetime) -> int:
    """How often this person was interrupted since then."""
    mine = select(func.count()).select_from(notices).where(notices.c.person == person, notices.c.sent_at >= since)
    return int(tx.connection.scalar(mine) or 0)


@reads
def held_back(tx: Read, waiting: Sequence[AskRow], now: datetime) -> frozenset[str]:
    """Which of these questions nobody is to be interrupted for now, by id: a channel that pushes leaves them alone.

    None where no notifier is at work, or nobody answers for the agent: then it is asked at once. One that a person was told
    of, or would have been had their channels not failed, is held back from nobody.
    """
    at_work = tx.all(select(people.c.settings_json).where(people.c.seen_at > now - ATTENDED))
    agents = [set(json.loads(row["settings_json"])["agents"]) for row in at_work]
    asked = [row for row in waiting if any(not theirs or row.agent in theirs for theirs in agents)]
    if not asked:
        return frozenset()
    mine = select(notice_subjects.c.subject, notices.c.verdict, notices.c.sent_at)
    joined = mine.join(notices, notices.c.notice_id == notice_subjects.c.notice_id)
    rows = tx.all(joined.join(asks, asks.c.ask_id == notice_subjects.c.subject).where(asks.c.verdict.is_(None)))
    weighed = {row["subject"] for row in rows if row["verdict"] is not None}
    due = {row["subject"] for row in rows if row["sent_at"] is not None or row["verdict"] == "interrupt"}
    return frozenset(
        row.ask_id
        for row in asked
        if row.ask_id not in due and (row.ask_id in weighed or now < row.created_at + UNWEIGHED)
    )


def pause(tries: int) -> timedelta:
    """Until the next try, after so many."""
    return min(FIRST_PAUSE * (1 << min(max(tries, 1), 10) - 1), LONGEST_PAUSE)


def _subject(person: str, subject: Subject) -> Mapping[str, str]:
    return {"person": person, "subject": subject.id}


def _standing(tx: Write, person: str, key: str, began: datetime) -> str | None:
    """The open incident that something new of `key` belongs to; one that somebody answered since it was told is over."""
    mine = (notices.c.person == person, notices.c.key == key, notices.c.closed_at.is_(None))
    row = tx.first(select(notices).where(*mine))
    if row is None:
        return None
    if (by := _answered_by(tx, row, began)) is None:
        return str(row["notice_id"])
    _close(tx, row["notice_id"], by, None)
    return None


def _answered_by(tx: Read, row: RowMapping, before: datetime) -> str | None:
    """The person who answered a part of it, since it began to be told and before something new came.

    Also one who answered by another door while it was on its way: nobody would be told of what comes after that.
    """
    if row["sent_at"] is None or row["topic"] == "endings":
        return None
    query = select(asks.c.by).join(notice_subjects, notice_subjects.c.subject == asks.c.ask_id)
    mine = (notice_subjects.c.notice_id == row["notice_id"], notice_subjects.c.person == row["person"])
    since = (
        asks.c.decided_at >= (row["tried_at"] or row["sent_at"]),
        asks.c.decided_at <= before,
        asks.c.via.not_in(BY_ITSELF),
    )
    answer = tx.first(query.where(*mine, *since).limit(1))
    return None if answer is None else str(answer["by"])


def _opened(tx: Write, person: str, situation: Situation, first: Subject) -> str:
    """A new incident, named by what began it, so that there is one however many begin it."""
    notice_id = hashlib.sha256(f"{person}\0{situation.key}\0{first.id}".encode()).hexdigest()[:16]
    facts = {"agent": situation.agent, "topic": situation.topic, "severity": situation.severity}
    times = {"first_at": first.at, "last_at": first.at, "times": 0, "why": "", "tries": 0, "fault": ""}
    tx.insert(notices, notice_id=notice_id, person=person, key=situation.key, **facts, **times)
    tx.journal("notice_opened", None, notice_id=notice_id, person=person, first_at=first.at, **facts)
    return notice_id


def _close(tx: Write, notice_id: str, by: str, acted: bool | None) -> bool:
    still_open = update(notices).where(notices.c.notice_id == notice_id, notices.c.closed_at.is_(None))
    found = tx.changed(still_open.values(closed_at=tx.at, closed_by=by, acted=None if acted is None else int(acted)))
    if found:
        tx.journal("notice_closed", None, notice_id=notice_id, by=by, acted=acted)
    return found


def _rows(tx: Read, which: object) -> list[NoticeRow]:
    found = tx.all(select(notices).where(which).order_by(notices.c.first_at, notices.c.notice_id))  # type: ignore[arg-type]  # a condition
    subjects: dict[str, list[SubjectRow]] = {row["notice_id"]: [] for row in found}
    decided = [asks.c[name] for name in ("verdict", "by", "via", "decided_at", "planted")]
    mine = [notice_subjects.c[name] for name in ("notice_id", "subject", "run_id", "rule", "at")]
    joined = select(*mine, *decided).outerjoin(asks, asks.c.ask_id == notice_subjects.c.subject)
    belongs = joined.join(notices, notices.c.notice_id == notice_subjects.c.notice_id).where(which)  # type: ignore[arg-type]  # a condition
    for row in tx.all(belongs.order_by(notice_subjects.c.at, notice_subjects.c.subject)):
        facts = dict(row)
        subjects[facts.pop("notice_id")].append(SubjectRow(**facts))
    return [NoticeRow(**row, subjects=tuple(subjects[row["notice_id"]])) for row in found]
