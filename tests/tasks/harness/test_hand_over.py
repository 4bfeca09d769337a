"""The last request of a run that was stopped: without tools, once for all lives, and never beyond a limit."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart
from pydantic_ai.models.function import AgentInfo, FunctionModel
from pydantic_ai.usage import RequestUsage

from midwatch.budget import BudgetSpent, Spent
from midwatch.ledger import Ledger
from midwatch.spec import AgentSpec, Limits
from tasks.harness.hand_over import CALLS, POSITION, HandOver
from tasks.monitoring.limits import RunBudget
from tasks.step.log import RunLog

SPEC = AgentSpec.model_validate({"name": "a", "description": "Sorts the mail.", "instructions": "Do it."})


@pytest.fixture
async def ledger(ledger: Ledger) -> Ledger:
    facts: dict[str, Any] = {"slot": None, "asked_level": None, "input": {}, "fingerprint": "f"}
    await ledger.start_run("run", agent="a", cause="person", level=3, started_at=datetime.now(UTC), **facts)
    return ledger


class Asked:
    """A model that hands over, and remembers what it was asked."""

    def __init__(self, answer: str = "Two letters are left.") -> None:
        self.answer, self.heard = answer, list[tuple[list[ModelMessage], AgentInfo]]()

    async def say(self, messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
        self.heard.append((messages, info))
        if not self.answer:
            raise ConnectionError("gone")
        return ModelResponse(parts=[TextPart(self.answer)], usage=RequestUsage(input_tokens=90, output_tokens=10))


async def words(ledger: Ledger, model: Asked, budget: RunBudget) -> str:
    log = await RunLog.open("run", ledger)
    over = HandOver(spec=SPEC, model=FunctionModel(model.say), log=log, budget=budget)
    return await over.words("it repeats itself", ["The goal."])


async def test_the_model_is_told_what_was_done_and_has_no_tools(ledger: Ledger) -> None:
    for number in range(CALLS + 2):
        await ledger.record_step("run", f"main/tool/{number:03}", kind="tool", name="file", detail=f'{{"n": {number}}}')
    model, budget = Asked(), RunBudget(Limits())
    assert await words(ledger, model, budget) == "Two letters are left."
    ((messages, info),) = model.heard
    said = str(messages)
    assert all(part in said for part in ("The goal.", "2 earlier calls", "it repeats itself", 'file {"n": 31}'))
    assert 'file {"n": 1}' not in said
    assert info.function_tools == []
    assert (budget.spent.steps, (await ledger.spent_by("run")).tokens) == (1, 100)


async def test_a_later_life_asks_no_second_time(ledger: Ledger) -> None:
    model = Asked()
    said = [await words(ledger, model, RunBudget(Limits())) for _ in range(2)]
    assert (said, len(model.heard)) == (["Two letters are left."] * 2, 1)


@pytest.mark.parametrize(
    ("limits", "spent"),
    [
        (Limits(steps=5), Spent(steps=5)),
        (Limits(tokens=1000), Spent(steps=1, tokens=600)),
        (Limits(usd=1), Spent(steps=1, tokens=1000, usd=0.9)),
        (Limits(minutes=5), Spent(steps=1, minutes=4)),
    ],
)
async def test_where_there_is_no_room_nothing_is_asked(ledger: Ledger, limits: Limits, spent: Spent) -> None:
    model = Asked()
    assert await words(ledger, model, RunBudget(limits, run=spent)) == ""
    assert model.heard == []


async def test_an_effect_that_was_refused_leaves_room_for_it(ledger: Ledger) -> None:
    budget = RunBudget(Limits(effects=1))
    budget.refuse(next(meter for meter in budget.left() if meter.measure == "effects"))
    with pytest.raises(BudgetSpent):
        budget.before_step()
    assert await words(ledger, Asked(), budget) == "Two letters are left."


async def test_a_model_that_is_gone_spoils_nothing(ledger: Ledger) -> None:
    assert await words(ledger, Asked(""), RunBudget(Limits())) == ""
    assert POSITION not in {step.position for step in await ledger.steps_of("run")}
