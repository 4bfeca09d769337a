"""May it be proposed? What is missing, what would supply it, how long that takes, and what a person reads of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import isclose
from typing import Any, Final, get_args

import pytest

from midwatch.ladder import (
    Evidence,
    Sensitivity,
    Tally,
    Verdict,
    in_words,
    judge,
    judge_runs,
    p0_of,
    run_severity,
    sensitivity_of,
    window_of,
)
from midwatch.ladder.words import percent
from midwatch.outcome import Outcome
from midwatch.risk import RISKS, Risk

ALL_SEEN: Final = Sensitivity(d=1.0, caught=99, tests=99)
A_QUARTER: Final = Sensitivity(d=0.26, caught=40, tests=120)
BLIND: Final = sensitivity_of(0, 12)


def evidence(clean: int = 0, *, climbs: tuple[Tally, ...] = (), **facts: Any) -> Evidence:
    since = datetime(2026, 3, 2, tzinfo=UTC)
    usual: dict[str, Any] = {"days": 34, "inputs": 20, "unripe": 0, "since": since, "per_day": 20.0}
    return Evidence(climbs=climbs or (Tally(clean=clean),), **{**usual, **facts})


@pytest.mark.parametrize(
    ("risk", "clean", "sensitivity", "ready", "needed"),
    [
        ("write", 164, ALL_SEEN, False, 1),
        ("write", 165, ALL_SEEN, True, 0),
        ("egress", 663, ALL_SEEN, False, 1),
        ("execute", 664, ALL_SEEN, True, 0),
        ("execute", 1000, A_QUARTER, False, 1559),
        ("execute", 2559, A_QUARTER, True, 0),
        ("write", 638, A_QUARTER, False, 1),
        ("write", 1000, A_QUARTER, True, 0),
        ("write", 329, sensitivity_of(0, 0), False, 3),
        ("write", 10_000_000, BLIND, False, None),
        ("money", 10_000_000, ALL_SEEN, False, None),
        ("destroy", 10_000_000, ALL_SEEN, False, None),
        ("credential", 10_000_000, ALL_SEEN, False, None),
    ],
)
def test_a_class_is_ready_when_too_high_a_rate_is_ruled_out_for_its_risk_and_its_reviewers(
    risk: Risk, clean: int, sensitivity: Sensitivity, ready: bool, needed: int | None
) -> None:
    found = judge(evidence(clean), risk, sensitivity)
    assert (found.ready, found.needed, bool(found.missing)) == (ready, needed, not ready)


@pytest.mark.parametrize(
    ("facts", "missing"),
    [
        ({"days": 3}, "clean actions on 7 more days: 3 of 10 so far"),
        ({"inputs": 9}, "clean actions with 1 more distinct input: 9 of 10 so far"),
    ],
)
def test_many_actions_on_few_days_or_of_few_inputs_are_not_enough(facts: dict[str, Any], missing: str) -> None:
    found = judge(evidence(5000, **facts), "write", ALL_SEEN)
    assert (found.ready, found.missing) == (False, (missing,))
    assert in_words(evidence(5000, **facts), found).endswith(f"; {missing}")


def test_what_is_missing_says_how_long_it_takes_and_what_waits() -> None:
    found = judge(evidence(612, unripe=30), "egress", ALL_SEEN)
    assert found.missing == ("52 more clean actions: at 20 a day 3 days; 30 that are done wait for their window",)
    assert found.too_slow == ""


def test_a_volume_that_cannot_get_there_within_a_year_is_said_with_what_could_help() -> None:
    found = judge(evidence(10, per_day=0.4), "egress", A_QUARTER)
    assert found.too_slow.startswith(
        "at 0.4 a day 2,549 more clean actions take 17.5 years; what could help: planted tests"
    )
    assert all(word in found.too_slow for word in ("26%", "alike", "narrower"))
    assert "never gets there" in judge(evidence(10, per_day=0.0), "egress", ALL_SEEN).too_slow
    assert judge(evidence(since=None, per_day=0.0), "egress", ALL_SEEN).too_slow == ""


@pytest.mark.parametrize(
    ("risk", "sensitivity", "words"),
    [("money", ALL_SEEN, "only a person can"), ("write", BLIND, "caught none of 12")],
)
def test_where_no_number_is_enough_it_says_why(risk: Risk, sensitivity: Sensitivity, words: str) -> None:
    found = judge(evidence(5000), risk, sensitivity)
    assert any(words in one for one in found.missing)
    assert words in in_words(evidence(5000), found)


def test_a_bound_is_divided_by_what_reviewers_see() -> None:
    seen, half = (judge(evidence(612), "egress", Sensitivity(d=d, caught=0, tests=0)) for d in (1.0, 0.5))
    assert isclose(half.bound, 2 * seen.bound)
    assert judge(evidence(612), "egress", BLIND).bound == 1
    assert (half.tested, seen.tested, judge(evidence(), "money", ALL_SEEN).tested) == (0.0025, 0.005, None)


def test_ready_and_a_bound_under_p0_are_the_same() -> None:
    for clean in range(600, 700):
        found = judge(evidence(clean), "egress", ALL_SEEN)
        assert found.ready is (found.bound <= 0.005)


@pytest.mark.parametrize(
    ("climbs", "words"),
    [
        (
            (Tally(clean=612),),
            "after 612 clean actions on 34 days the error rate is below 0.55 % with 95 % confidence; 52 more to go",
        ),
        (
            (Tally(clean=612, minor=1, major=2),),
            "after 612 clean actions and 1 minor and 2 major errors on 34 days the error rate is below 1.5 % with 95 % "
            "confidence; 1,128 more to go",
        ),
        (
            (Tally(clean=700), Tally(clean=1)),
            "since the last fall, after 1 clean action on 34 days the error rate is below 96 % with 95 % confidence; "
            "663 more to go",
        ),
        ((Tally(),), "after 0 clean actions on 34 days nothing can be said of the error rate; 664 more to go"),
        (
            (Tally(clean=700),),
            "after 700 clean actions on 34 days the error rate is below 0.48 % with 95 % confidence; that is enough",
        ),
    ],
)
def test_a_person_reads_one_sentence(climbs: tuple[Tally, ...], words: str) -> None:
    one = evidence(climbs=climbs)
    assert in_words(one, judge(one, "egress", ALL_SEEN)) == words


@pytest.mark.parametrize(
    ("share", "words"),
    [(0.0054226, "0.55 %"), (0.95, "95 %"), (0.007, "0.7 %"), (0.0999, "10 %"), (0.1234, "13 %"), (0.00012, "0.012 %")],
)
def test_a_share_is_rounded_up(share: float, words: str) -> None:
    assert percent(share) == words


def test_every_risk_has_a_window_and_those_that_evidence_cannot_reach_are_three() -> None:
    assert {risk for risk in RISKS if p0_of(risk) is None} == {"money", "destroy", "credential"}
    assert {risk: window_of(risk).days for risk in RISKS} == {
        **dict.fromkeys(("read", "note", "write"), 1),
        **dict.fromkeys(("egress", "money", "destroy", "credential", "execute"), 7),
    }


def runs(clean: int = 0, **facts: Any) -> tuple[Evidence, Verdict]:
    one = evidence(clean, **facts)
    return one, judge_runs(one)


def test_runs_are_judged_by_the_same_test_without_a_minimum_of_inputs() -> None:
    one, found = runs(64, inputs=1)
    assert (found.ready, found.needed, found.p0) == (False, 1, 0.05)
    assert in_words(one, found, unit="run").startswith("after 64 clean runs on 34 days the error rate is below 5.1 %")
    assert found.missing == ("1 more clean run: at 20 a day 1 day",)
    assert runs(65, inputs=1)[1].ready
    assert runs(65, days=9)[1].missing == ("clean runs on 1 more day: 9 of 10 so far",)
    assert "schedule" in judge_runs(replace(one, per_day=0.001)).too_slow


@pytest.mark.parametrize("outcome", get_args(Outcome))
def test_a_run_counts_by_how_it_ended_and_by_what_is_reported_of_it(outcome: Outcome) -> None:
    usual = {"verified": 0.0, "verified_noop": None}.get(outcome, 1.0)
    minor = 0.25 if outcome in ("verified", "verified_noop") else 1.0
    assert run_severity(outcome, taken_over=False, incident=None) == usual
    assert run_severity(outcome, taken_over=False, incident="minor") == minor
    assert run_severity(outcome, taken_over=False, incident="major") == 1.0
    assert run_severity(outcome, taken_over=True, incident=None) == 1.0
