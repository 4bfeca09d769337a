from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from midwatch.decision import Decision, Verdict
from midwatch.rehearsal import STALE, Rehearsed, executes, is_staged
from midwatch.risk import RISKS, Risk

THEN = Rehearsed(digest="d", shown="-old\n+new")


def said(verdict: Verdict) -> Decision:
    return Decision(verdict=verdict, rule="a.rule", reason="because")


@pytest.mark.parametrize("risk", RISKS)
@pytest.mark.parametrize("verdict", get_args(Verdict))
def test_a_rehearsal_does_what_only_looks_and_may_and_stages_all_that_is_not_denied(
    verdict: Verdict, risk: Risk
) -> None:
    looks = (verdict, risk) == ("allow", "read")
    assert is_staged(said(verdict), risk) == (verdict != "deny" and not looks)


@pytest.mark.parametrize("verdict", ["allow", "ask"])
def test_what_is_still_the_same_waits_for_its_yes_whatever_the_rules_would_allow(verdict: Verdict) -> None:
    assert executes(said(verdict), THEN, THEN).verdict == "ask"


def test_a_deny_stays_the_rule_s_own() -> None:
    assert executes(said("deny"), THEN, THEN) == said("deny")


@pytest.mark.parametrize(
    ("then", "why"),
    [
        (None, "was not staged"),
        (Rehearsed(digest="other", shown=THEN.shown), "not what was staged"),
        (Rehearsed(digest="d", shown=""), "not what was staged any more"),
    ],
)
def test_what_is_another_call_by_now_is_stale(then: Rehearsed | None, why: str) -> None:
    decision = executes(said("allow"), then, THEN)
    assert (decision.verdict, decision.rule, why in decision.reason) == ("deny", STALE, True)


@given(st.sampled_from(get_args(Verdict)), st.text(), st.text(), st.text(), st.text())
def test_nothing_that_is_executed_is_ever_allowed_without_a_yes(
    verdict: Verdict, digest: str, shown: str, now_digest: str, now_shown: str
) -> None:
    then, now = Rehearsed(digest=digest, shown=shown), Rehearsed(digest=now_digest, shown=now_shown)
    answer = executes(said(verdict), then, now).verdict
    assert answer != "allow"
    assert answer == "deny" or then == now
