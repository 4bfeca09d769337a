"""Severity: a table from facts, nothing else."""

from __future__ import annotations

from typing import get_args

import pytest

from midwatch.outcome import Outcome
from midwatch.risk import RISKS, Risk
from midwatch.severity import SEVERITIES, Severity, at_least, declared, next_above, of_doubt, of_ending, of_request

DANGEROUS: set[Risk] = {"money", "destroy", "credential", "execute"}


@pytest.mark.parametrize("risk", RISKS)
def test_a_request_is_never_an_emergency(risk: Risk) -> None:
    assert of_request(risk) == ("urgent" if risk in DANGEROUS else "attention")


@pytest.mark.parametrize("risk", RISKS)
def test_a_doubt_about_what_may_have_left_the_house_is_an_emergency(risk: Risk) -> None:
    assert of_doubt(risk) == ("emergency" if risk in DANGEROUS | {"egress"} else "urgent")


@pytest.mark.parametrize(
    ("outcome", "unanswered", "severity"),
    [
        ("verified", False, None),
        ("verified_noop", False, None),
        ("unknown", False, None),
        ("failed", False, "attention"),
        ("failed", True, "attention"),
        ("unverified", False, "attention"),
        ("blocked", False, "attention"),
        ("blocked", True, "routine"),
    ],
)
def test_an_ending_counts_by_its_outcome(outcome: Outcome, unanswered: bool, severity: Severity | None) -> None:
    assert of_ending(outcome, unanswered=unanswered) == severity


def test_every_outcome_has_its_row() -> None:
    assert {outcome: of_ending(outcome, unanswered=False) for outcome in get_args(Outcome)}


@pytest.mark.parametrize("said", ["", "harmless", "READ", "none"])
def test_a_risk_that_nobody_declared_is_the_worst(said: str) -> None:
    assert declared(said) == "execute"


def test_severities_are_ordered_and_the_step_above_the_last_is_the_last() -> None:
    assert [next_above(one) for one in SEVERITIES] == [*SEVERITIES[1:], "emergency"]
    assert [at_least(one, "urgent") for one in SEVERITIES] == [False, False, True, True]
