"""Notices: what does a notice say? Midwatch's own words alone; nothing in it comes from the model or from what it has read."""

from __future__ import annotations

from datetime import datetime
from typing import assert_never
from zoneinfo import ZoneInfo

from midwatch.attention import Person, Situation
from midwatch.ledger import BreakerRow, NoticeRow
from midwatch.run_ids import short


def subject(notice: NoticeRow, situation: Situation, person: Person) -> str:
    """One line: which agent, what is needed, until when."""
    until = f", until {_clock(situation.deadline, person.zone)}" if situation.deadline else ""
    return f"{notice.agent} {_need(notice, len(situation.subjects))} ({notice.severity}{until})"


def body(notice: NoticeRow, situation: Situation, person: Person, link: str, breaker: BreakerRow | None = None) -> str:
    """The line again, where to look, and what silence means."""
    first = situation.subjects[0]
    lines = [
        f"{subject(notice, situation, person)}.",
        _silence(notice),
        *_breaker(breaker, person),
        "",
        link,
        _commands(notice, first.run_id),
        "",
        f"Since {_clock(notice.first_at, person.zone)}. What repeats is counted, not sent again. Notice {notice.notice_id}.",
    ]
    return "\n".join(lines)


def _need(notice: NoticeRow, times: int) -> str:
    match notice.topic:
        case "requests":
            return f"needs a decision: {times} {'request waits' if times == 1 else 'requests wait'}"
        case "doubts":
            return f"cannot tell whether {times} {'effect has' if times == 1 else 'effects have'} happened: look, and say so"
        case "endings":
            last = notice.subjects[-1].rule if notice.subjects else "ended badly"
            return last if times == 1 else f"did not end well {times} times, the last {last}"
        case "alarms":
            rules = list(dict.fromkeys(one.rule for one in notice.subjects))
            return "; ".join(rules) or "is not as it should be"
        case _:
            assert_never(notice.topic)


def _commands(notice: NoticeRow, run_id: str) -> str:
    """Where more of it is to be seen."""
    match notice.topic:
        case "requests" | "doubts":
            return f"midwatch show {short(run_id)}    midwatch inbox"
        case "endings":
            return f"midwatch show {short(run_id)}    midwatch runs"
        case "alarms":
            return "midwatch lookout    midwatch status"
        case _:
            assert_never(notice.topic)


def _breaker(breaker: BreakerRow | None, person: Person) -> list[str]:
    """What is done about failures that repeat."""
    if breaker is None or breaker.state == "closed":
        return []
    at = _clock(breaker.probe_at, person.zone)
    tried = "one run is being tried" if breaker.state == "half_open" else f"one run is tried at {at}"
    return [f"Its breaker is open: no other run of it begins, and {tried}. midwatch breaker {breaker.agent}"]


def _silence(notice: NoticeRow) -> str:
    match notice.topic:
        case "requests":
            return "Nothing happens without a yes: silence, at the deadline, is a no."
        case "doubts":
            return "Nothing is tried again until somebody says what happened."
        case "endings":
            return f"When it is mended: midwatch attention close {notice.agent}. A run that ends well closes it too."
        case "alarms":
            return f"It is over by itself when it is mended. Seen to already: midwatch attention close {notice.agent}"
        case _:
            assert_never(notice.topic)


def _clock(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
