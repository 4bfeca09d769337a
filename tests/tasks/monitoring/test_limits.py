"""A run stops at the first limit that it reaches, and says which one it was."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal

import pytest
from pydantic_ai.messages import ModelResponse, TextPart
from pydantic_ai.usage import RequestUsage

from midwatch.budget import BudgetSpent, Pool, Spent, Standing
from midwatch.monitors import Stopped
from midwatch.spec import DayLimits, Limits
from tasks.monitoring.limits import RunBudget, usd_of


class Clock:
    """Seconds that pass when they are told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def limits(**given: float) -> Limits:
    return Limits.model_validate(given)


def test_a_limit_reached_exactly_stops_the_next_step_and_not_this_one() -> None:
    budget = RunBudget(limits(steps=2))
    for _ in range(2):
        budget.before_step()
        budget.charge()
    with pytest.raises(BudgetSpent, match="2 of 2 steps used in this run"):
        budget.before_step()


@pytest.mark.parametrize(
    ("allowed", "charged", "said"),
    [
        ({"tokens": 100}, {"tokens": 101}, "101 of 100 tokens used in this run"),
        ({"usd": 0.5}, {"usd": 0.51}, "0.51 of 0.5 US dollars used in this run"),
        ({"per_day": {"tokens": 100}}, {"tokens": 61}, "101 of 100 tokens used today"),
        ({"per_day": {"usd": 1}}, {"usd": 0.7}, "1.1 of 1 US dollars used today"),
        ({"per_day": {"steps": 3}}, {"steps": 1}, "4 of 3 steps used today"),
    ],
)
def test_a_limit_that_is_passed_is_told_with_its_figures(
    allowed: dict[str, float], charged: dict[str, float], said: str
) -> None:
    budget = RunBudget(limits(**allowed), day=Spent(steps=3, tokens=40, usd=0.4))
    with pytest.raises(BudgetSpent, match=said):
        budget.charge(**charged)  # type: ignore[arg-type]  # a table of ints and floats


def test_what_is_charged_stays_charged_although_it_was_too_much() -> None:
    budget = RunBudget(limits(tokens=10))
    with pytest.raises(BudgetSpent):
        budget.charge(tokens=11, usd=0.1)
    assert budget.spent == Spent(runs=1, steps=1, tokens=11, usd=0.1)


def test_a_run_goes_on_from_what_its_earlier_lives_used() -> None:
    budget = RunBudget(limits(steps=5), run=Spent(runs=1, steps=4))
    budget.before_step()
    budget.charge()
    with pytest.raises(BudgetSpent, match="5 of 5 steps"):
        budget.before_step()


@pytest.mark.parametrize(("earlier", "may_start"), [(0, True), (2, True), (3, False)])
def test_only_so_many_runs_may_start_in_a_day(earlier: int, may_start: bool) -> None:
    budget = RunBudget(Limits(per_day=DayLimits(runs=3)), day=Spent(runs=earlier))
    if may_start:
        budget.before_step()
    else:
        with pytest.raises(BudgetSpent, match=r"raise `limits\.per_day\.runs`"):
            budget.before_step()


def test_a_run_under_way_goes_on_however_many_begin_after_it() -> None:
    budget = RunBudget(Limits(per_day=DayLimits(runs=3)), run=Spent(steps=1))
    budget.refresh(standing(family=Spent(), day=Spent(runs=9)))
    budget.before_step()
    budget.charge()


async def test_only_time_at_work_counts() -> None:
    clock = Clock()
    budget = RunBudget(limits(minutes=10), clock=clock)
    async with budget.deadline():
        clock.now += 120
        assert budget.spent.minutes == 2
    clock.now += 86_400
    async with budget.deadline():
        clock.now += 60
    assert budget.spent.minutes == 3


async def test_a_call_that_hangs_is_cut_off_at_the_deadline() -> None:
    budget = RunBudget(limits(minutes=0.002))
    with pytest.raises(BudgetSpent, match="minutes at work used in this run"):
        async with asyncio.timeout(10), budget.deadline():
            await asyncio.Event().wait()
    with pytest.raises(BudgetSpent):
        async with budget.deadline():
            pytest.fail("there is no time left to begin")


async def test_the_days_minutes_cut_off_too() -> None:
    budget = RunBudget(Limits(per_day=DayLimits(minutes=60)), day=Spent(minutes=59.998))
    with pytest.raises(BudgetSpent, match="60 of 60 minutes at work used today"):
        async with asyncio.timeout(10), budget.deadline():
            await asyncio.Event().wait()


@pytest.mark.parametrize(("finished", "named"), [(False, "`look`"), (True, "it")])
async def test_a_step_that_takes_too_long_is_cut_off_and_named(finished: bool, named: str) -> None:
    budget = RunBudget(limits(minutes=10), stall_minutes=0.002)

    async def hangs() -> None:
        async with asyncio.timeout(60), budget.deadline():
            budget.begun("`look`")
            if finished:
                budget.stepped()
            await asyncio.Event().wait()

    with pytest.raises(Stopped, match=rf"no step was finished for 0\.002 minutes, and {named} was cut off"):
        await hangs()


async def test_each_step_has_its_own_time() -> None:
    budget = RunBudget(limits(minutes=10), stall_minutes=5)
    async with budget.deadline():
        assert budget._timer is not None
        first = budget._timer.when()
        await asyncio.sleep(0.01)
        budget.stepped()
        assert (first or 0) < (budget._timer.when() or 0)


def standing(**used: Spent) -> Standing:
    return Standing(**{"family": Spent(), "day": Spent(), "house_day": Spent(), **used})  # type: ignore[arg-type]


def test_what_a_run_used_yesterday_is_not_todays() -> None:
    budget = RunBudget(limits(steps=999, per_day={"steps": 100}), run=Spent(steps=99))  # type: ignore[arg-type]  # a table of numbers
    budget.refresh(standing(family=Spent(steps=99), day=Spent(runs=1, steps=1)))
    budget.charge()
    assert {meter.field: meter.used for meter in budget.left() if meter.measure == "steps"} == {
        "limits.steps": 100,
        "limits.per_day.steps": 2,
    }


def test_what_the_run_has_counted_itself_is_not_counted_twice() -> None:
    budget = RunBudget(limits(steps=5, per_day={"steps": 9}))  # type: ignore[arg-type]  # a table of numbers
    budget.charge()
    budget.refresh(standing(family=Spent(runs=2, steps=3), day=Spent(runs=4, steps=7)))
    budget.charge()
    assert [(meter.field, meter.used) for meter in budget.left() if meter.measure == "steps"] == [
        ("limits.steps", 4),
        ("limits.per_day.steps", 8),
    ]


def test_a_child_stops_where_its_parent_has_nothing_left() -> None:
    budget = RunBudget(limits(steps=50))
    above = Pool(scope="parent", bounds=limits(steps=10), used=Spent(steps=10))
    budget.refresh(replace(standing(), parents=(above,)))
    with pytest.raises(BudgetSpent, match="10 of 10 steps used by the run that started this one"):
        budget.before_step()


def test_all_agents_together_stop_at_the_limit_of_the_house() -> None:
    budget = RunBudget(limits())
    budget.refresh(replace(standing(house_day=Spent(usd=5)), house=DayLimits(usd=5)))
    with pytest.raises(BudgetSpent, match="5 of 5 US dollars used today by all agents together; an operator raises it"):
        budget.before_step()


def test_effects_that_are_used_up_end_nothing_until_one_more_is_wanted() -> None:
    budget = RunBudget(limits(effects=2))
    budget.refresh(standing(family=Spent(effects=2)))
    budget.before_step()
    budget.charge()
    assert [meter.field for meter in budget.near()] == ["limits.effects"]


async def test_a_timeout_of_the_work_itself_is_not_taken_for_the_deadline() -> None:
    with pytest.raises(TimeoutError):
        async with RunBudget(limits()).deadline():
            raise TimeoutError("the mailbox did not answer")


def response(*, provider: str, model: str, cost: Decimal | None = None) -> ModelResponse:
    usage = RequestUsage(input_tokens=1_000_000, output_tokens=0)
    usage.cost = cost
    return ModelResponse(parts=[TextPart("hi")], usage=usage, model_name=model, provider_name=provider)


@pytest.mark.parametrize(
    ("answer", "usd"),
    [
        (response(provider="local", model="qwen"), 0.0),
        (response(provider="ollama", model="llama3"), 0.0),
        (response(provider="openai", model="gpt-4o", cost=Decimal("0.25")), 0.25),
        (response(provider="openai", model="gpt-4o"), 2.5),
        (response(provider="openai", model="a-model-of-tomorrow"), None),
        (response(provider="somebody-new", model="x"), None),
    ],
)
def test_a_response_has_its_price_or_is_known_to_have_none(answer: ModelResponse, usd: float | None) -> None:
    assert usd_of(answer) == usd


def test_a_step_without_a_price_is_counted_as_one() -> None:
    budget = RunBudget(limits(usd=0.01, tokens=5_000_000))
    budget.charge_response(response(provider="somebody-new", model="x"))
    assert (budget.spent.unpriced_steps, budget.spent.usd, budget.spent.tokens) == (1, 0.0, 1_000_000)
