"""A yes: good for exactly one call, from a person, unused, in time; it answers an ask and lifts no deny."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from midwatch.approval import Approval, Attempt, answered
from midwatch.decision import Decision, Verdict

NOW = datetime(2026, 3, 1, 3, tzinfo=UTC)
YES = Approval(
    run_id="r", call_id="c", agent="night-owl", digest="d", by="anna", good_until=NOW + timedelta(hours=1), used=False
)
ATTEMPT = Attempt(run_id="r", call_id="c", digest="d", at=NOW)


def decided(verdict: Verdict) -> Decision:
    return Decision(verdict=verdict, rule="ask.pay", reason="it pays")


def test_exactly_what_was_approved_is_allowed_and_says_by_whom() -> None:
    decision = answered(decided("ask"), YES, ATTEMPT)
    assert (decision.verdict, decision.rule, decision.reason) == ("allow", "ask.pay", "it pays; anna said yes")


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"run_id": "other"}, "to another run"),
        ({"call_id": "item-004/c"}, "to another call"),
        ({"digest": "other"}, "not what was shown"),
        ({"digest": ""}, "no yes to it is on file"),
        ({"by": "night-owl"}, "no person"),
        ({"by": "Agent "}, "no person"),
        ({"by": "midwatch"}, "no person"),
        ({"by": "Midwatch"}, "no person"),
        ({"by": ""}, "no person"),
        ({"used": True}, "used up"),
        ({"good_until": NOW}, "good until 2026-03-01 03:00 UTC"),
    ],
)
def test_a_yes_that_differs_in_one_word_is_denied_with_it(changed: dict[str, Any], says: str) -> None:
    decision = answered(decided("ask"), replace(YES, **changed), ATTEMPT)
    assert (decision.verdict, decision.rule) == ("deny", "approval")
    assert says in decision.reason


def test_a_deny_stays_a_deny() -> None:
    assert answered(decided("deny"), YES, ATTEMPT) == decided("deny")


def test_nothing_on_file_is_no_yes() -> None:
    assert answered(decided("ask"), None, ATTEMPT).verdict == "deny"
