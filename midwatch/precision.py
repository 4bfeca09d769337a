"""Human judgment: were the interruptions worth it? Each is scored by whether the person changed anything, by agent and rule.

what it was about           changed                              unchanged           unanswered
a request, a question       denied, edited, answered, taken over approved            it expired
a parked run                a person decided about it            it went on itself   it expired
an effect nobody saw end    a person said what happened          the run found out
runs that ended badly       somebody acted (`close_notice`)      it mended itself

Somebody acted on a failure who closed it, who started the run that ended well, or who had changed the agent before that.
Wilson's interval at 95 % (E. B. Wilson, JASA 22, 1927) says how far a share can be trusted. Planted proposals measure the
person, not the rule, and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median
from typing import Final, Literal, assert_never

from midwatch.ledger import NoticeRow, SubjectRow
from midwatch.ledger.notices import BY_ITSELF

Score = Literal["changed", "unchanged", "unanswered", "open"]
Z: Final = 1.959964
"""Two-sided 95 %."""
MANY: Final = 20
"""So often answered and never changed: whether to ask at all is worth a thought."""
OFTEN: Final = 0.5
"""Changed at least so often, by the lower bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One question of an interruption; of failures, the whole incident."""

    agent: str
    rule: str
    notice_id: str
    score: Score
    seconds: float | None
    """From the notice to the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """Of one rule of one agent."""

    agent: str
    rule: str
    interruptions: int
    asks: int
    changed: int
    unchanged: int
    unanswered: int
    lower: float
    upper: float
    """Of the share that was changed, of what was answered."""
    median_seconds: float | None
    proposal: str
    """What a person may want to do about it; empty for nothing."""

    @property
    def share(self) -> float | None:
        answered = self.changed + self.unchanged
        return self.changed / answered if answered else None


def wilson(hits: int, tries: int) -> tuple[float, float]:
    """Lower and upper bound of a share; (0, 1) where nothing was tried."""
    if not tries:
        return 0.0, 1.0
    share, spread = hits / tries, Z * Z / tries
    middle = (share + spread / 2) / (1 + spread)
    half = Z * sqrt(share * (1 - share) / tries + spread / (4 * tries)) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def precision(notices: Iterable[NoticeRow]) -> list[Precision]:
    """By agent and rule, the most interruptions first; of what was sent."""
    by_rule: dict[tuple[str, str], list[Scored]] = {}
    for one in (each for notice in notices for each in scored(notice)):
        by_rule.setdefault((one.agent, one.rule), []).append(one)
    found = [_of_rule(agent, rule, ones) for (agent, rule), ones in by_rule.items()]
    return sorted(found, key=lambda one: (-one.interruptions, -one.asks, one.agent, one.rule))


def scored(notice: NoticeRow) -> list[Scored]:
    """Nothing of a notice that was not sent, or answered before it was, or that nobody can be asked less about."""
    if notice.sent_at is None or notice.topic == "alarms":
        return []
    if notice.topic == "endings":
        return [_scored(notice, notice.subjects[-1], _failure(notice), None)]
    asked = [one for one in notice.subjects if not one.planted]
    since = notice.sent_at
    return [
        _scored(notice, one, _answer(one), (one.decided_at - since).total_seconds() if one.decided_at else None)
        for one in asked
        if one.decided_at is None or one.decided_at >= since
    ]


def _scored(notice: NoticeRow, subject: SubjectRow, score: Score, seconds: float | None) -> Scored:
    answered = seconds if score in ("changed", "unchanged") else None
    return Scored(agent=notice.agent, rule=subject.rule, notice_id=notice.notice_id, score=score, seconds=answered)


def _failure(notice: NoticeRow) -> Score:
    if notice.closed_at is None:
        return "open"
    return "changed" if notice.acted else "unchanged"


def _answer(subject: SubjectRow) -> Score:
    match subject.verdict:
        case None:
            return "open"
        case "expired":
            return "unanswered"
        case _ if subject.via in BY_ITSELF:
            return "unchanged"
        case "approved":
            return "changed" if subject.rule == "park" else "unchanged"
        case "denied" | "edited" | "answered" | "taken_over" | "happened" | "did_not_happen":
            return "changed"
        case _:
            assert_never(subject.verdict)


def _of_rule(agent: str, rule: str, ones: Sequence[Scored]) -> Precision:
    count = {score: sum(one.score == score for one in ones) for score in ("changed", "unchanged", "unanswered")}
    answered = count["changed"] + count["unchanged"]
    lower, upper = wilson(count["changed"], answered)
    times = [one.seconds for one in ones if one.seconds is not None]
    return Precision(
        agent=agent,
        rule=rule,
        interruptions=len({one.notice_id for one in ones}),
        asks=len(ones),
        changed=count["changed"],
        unchanged=count["unchanged"],
        unanswered=count["unanswered"],
        lower=lower,
        upper=upper,
        median_seconds=median(times) if times else None,
        proposal=_proposal(agent, count["changed"], answered, lower),
    )


def _proposal(agent: str, changed: int, answered: int, lower: float) -> str:
    if answered >= MANY and not changed:
        return f"drop: never changed in {answered}; see `midwatch rules suggest {agent}`, or give a mandate"
    if lower >= OFTEN:
        return f"raise: changed {changed} of {answered} times; a deny rule or clearer instructions would come before the ask"
    return ""
