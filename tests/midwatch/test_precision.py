"""Precision: what an answer says about whether the interruption was worth it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import pytest

from midwatch.ledger import AskVerdict, NoticeRow, SubjectRow
from midwatch.precision import Score, precision, scored

SENT = datetime(2026, 3, 1, 8, tzinfo=UTC)


def subject(verdict: str | None, **facts: Any) -> SubjectRow:
    decided = None if verdict is None else SENT + timedelta(minutes=5)
    row: dict[str, Any] = {
        "subject": "r1:1",
        "run_id": "r1",
        "rule": "ask.pay",
        "at": SENT,
        "planted": "",
        "by": "anna",
    }
    return SubjectRow(**{**row, "verdict": verdict, "via": "cli", "decided_at": decided, **facts})


def notice(*subjects: SubjectRow, **facts: Any) -> NoticeRow:
    row: dict[str, Any] = {
        "notice_id": "n1",
        "person": "anna",
        "key": "k",
        "agent": "night",
        "topic": "requests",
        "severity": "urgent",
        "first_at": SENT,
        "last_at": SENT,
        "times": len(subjects),
        "verdict": "interrupt",
        "why": "",
        "tries": 1,
        "tried_at": SENT,
        "fault": "",
        "sent_at": SENT,
        "channel": "hook",
        "closed_at": None,
        "closed_by": None,
        "acted": None,
        **facts,
    }
    return NoticeRow(subjects=subjects, **row)


def score_of(row: NoticeRow) -> Score:
    (one,) = scored(row)
    return one.score


@pytest.mark.parametrize(
    ("verdict", "score"),
    [
        ("approved", "unchanged"),
        ("denied", "changed"),
        ("edited", "changed"),
        ("answered", "changed"),
        ("taken_over", "changed"),
        ("happened", "changed"),
        ("did_not_happen", "changed"),
        ("expired", "unanswered"),
        (None, "open"),
    ],
)
def test_each_verdict_has_its_score(verdict: str | None, score: Score) -> None:
    assert score_of(notice(subject(verdict))) == score


def test_no_verdict_is_left_out() -> None:
    assert all(score_of(notice(subject(verdict))) for verdict in get_args(AskVerdict))


def test_a_key_that_a_person_mended_was_worth_it_and_a_provider_that_came_back_was_not() -> None:
    assert score_of(notice(subject("approved", rule="park"))) == "changed"
    assert score_of(notice(subject("approved", rule="park", via="keeper", by="nobody"))) == "unchanged"
    assert score_of(notice(subject("happened", via="run", by="midwatch"))) == "unchanged"


@pytest.mark.parametrize(
    ("facts", "score"),
    [
        ({}, "open"),
        ({"closed_at": SENT, "closed_by": "run r2", "acted": 0}, "unchanged"),
        ({"closed_at": SENT, "closed_by": "run r2", "acted": 1}, "changed"),
        ({"closed_at": SENT, "closed_by": "anna", "acted": 1}, "changed"),
    ],
)
def test_a_failure_is_scored_as_one_by_whether_somebody_acted(facts: dict[str, Any], score: Score) -> None:
    ended = [subject(None, subject=f"r{n}", rule="ended failed", planted=None) for n in range(14)]
    assert score_of(notice(*ended, topic="endings", **facts)) == score


def test_what_interrupted_nobody_says_nothing() -> None:
    assert scored(notice(subject("denied"), sent_at=None)) == []
    assert scored(notice(subject("denied", decided_at=SENT - timedelta(minutes=1)))) == []
    assert scored(notice(subject("denied", planted="a known bad one"))) == []


def test_the_time_to_answer_is_the_median() -> None:
    late = subject("denied", decided_at=SENT + timedelta(hours=1), subject="r1:2")
    (found,) = precision([notice(subject("approved"), late, subject("expired", subject="r1:3"))])
    assert (found.asks, found.median_seconds, found.share, found.unanswered) == (3, 1950.0, 0.5, 1)
