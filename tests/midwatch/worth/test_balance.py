"""A month's balance: exact, and what is said of the break-even is where value and cost meet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from midwatch.worth.answers import Answers, Question, answered
from midwatch.worth.balance import balance_of
from midwatch.worth.history import History, share_outside

NIGHT = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""A Monday."""
A_DOLLAR_A_MINUTE = Answers(minutes=Decimal(30), hour_usd=Decimal(60), upkeep_minutes=Decimal(60))
amounts = st.decimals(min_value="0.01", max_value=1000, places=2)
NEAR = Decimal("1e-9")


def test_what_is_assumed_of_a_month_is_added_up_exactly() -> None:
    found = balance_of(A_DOLLAR_A_MINUTE, None)
    assert (found.value, found.model, found.review) == (Decimal("882.0"), Decimal("1.50"), Decimal(60))
    assert (found.incidents, found.upkeep, found.net) == (Decimal(18), Decimal(60), Decimal("742.5"))
    assert (found.unasked, found.watched) == (Decimal("802.5"), Decimal("760.5"))


@given(amounts, amounts, amounts, amounts)
def test_with_as_many_runs_as_it_takes_value_and_cost_are_the_same(
    minutes: Decimal, hour: Decimal, review: Decimal, upkeep: Decimal
) -> None:
    answers = Answers(minutes=minutes, hour_usd=hour, review_minutes=review, upkeep_minutes=upkeep)
    runs = balance_of(answers, None).even_runs
    if runs is not None:
        even = balance_of(answers.model_copy(update={"runs_a_month": runs}), None)
        assert abs(even.net) <= NEAR * max(Decimal(1), even.cost)


@given(amounts, amounts, amounts)
def test_with_as_many_minutes_saved_as_it_takes_value_and_cost_are_the_same(
    minutes: Decimal, hour: Decimal, review: Decimal
) -> None:
    answers = Answers(minutes=minutes, hour_usd=hour, review_minutes=review)
    each = balance_of(answers, None).even_minutes(minutes)
    assert each is not None
    even = balance_of(answers.model_copy(update={"minutes": each}), None)
    assert abs(even.net) <= NEAR * max(Decimal(1), even.cost)


def test_where_a_run_costs_more_than_it_saves_no_number_of_runs_pays() -> None:
    dear = A_DOLLAR_A_MINUTE.model_copy(update={"model_usd": Decimal(50)})
    assert balance_of(dear, None).even_runs is None
    assert balance_of(dear.model_copy(update={"minutes": Decimal(0)}), None).even_minutes(Decimal(0)) is None


def test_what_took_long_because_nobody_was_there_counts_as_the_usual_decision() -> None:
    minutes = [timedelta(minutes=one) for one in (1, 2, 3, 480)]
    seen = History(since=NIGHT, until=NIGHT, deciding=tuple(minutes))
    assert seen.review_minutes(Decimal(9)) == Decimal(8)
    assert History(since=NIGHT, until=NIGHT, deciding=(minutes[3],)).review_minutes(Decimal(9)) == Decimal(9)


def test_working_hours_go_by_the_clock_of_the_zone() -> None:
    moments = (NIGHT, NIGHT.replace(hour=9), NIGHT.replace(hour=16, minute=30), NIGHT.replace(day=7, hour=12))
    assert share_outside(moments, "UTC") == Decimal("0.5")
    assert share_outside((NIGHT.replace(hour=16, minute=30),), "Europe/Berlin") == 1
    assert share_outside((), "UTC") is None


@pytest.mark.parametrize(
    ("question", "value"), [("minutes", "-1"), ("incident_share", "1.5"), ("hour_usd", "Infinity")]
)
def test_what_cannot_be_is_no_answer(question: Question, value: str) -> None:
    with pytest.raises(ValidationError):
        answered(Answers(), {question: Decimal(value)})


def test_what_was_said_is_no_assumption_any_more() -> None:
    said = answered(Answers(), {"minutes": Decimal(15)})
    assert "minutes" not in said.assumed
    assert "hour_usd" in said.assumed
