"""Worth: what does only a person know of an agent's work? The questions of `midwatch worth`, and the answers to them."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Final, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

Question = Literal[
    "minutes",
    "hour_usd",
    "review_minutes",
    "upkeep_minutes",
    "runs_a_month",
    "pieces_a_run",
    "model_usd",
    "incident_share",
    "incident_minutes",
]
QUESTIONS: Final[tuple[Question, ...]] = get_args(Question)

WORDS: Final[Mapping[Question, str]] = {
    "minutes": "minutes that a person needs for one piece of it",
    "hour_usd": "price of an hour of that person, US dollars",
    "review_minutes": "minutes that a person spends on looking at one run",
    "upkeep_minutes": "minutes a month to look after the agent",
    "runs_a_month": "runs a month",
    "pieces_a_run": "pieces of work in one run",
    "model_usd": "what the model costs a run, US dollars",
    "incident_share": "share of runs that go wrong, 0 to 1",
    "incident_minutes": "minutes that a person needs to put one such run right",
}
MEASURED: Final[frozenset[Question]] = frozenset({"runs_a_month", "pieces_a_run", "model_usd", "incident_share"})
"""What the ledger knows itself, once there is enough in it."""

Amount = Annotated[Decimal, Field(ge=0, le=10**9, allow_inf_nan=False)]


class Answers(BaseModel):
    """One for each question. Money is US dollars, a month has 30 days."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    minutes: Amount = Decimal(15)
    hour_usd: Amount = Decimal(40)
    review_minutes: Amount = Decimal(2)
    upkeep_minutes: Amount = Decimal(30)
    runs_a_month: Amount = Decimal(30)
    pieces_a_run: Amount = Decimal(1)
    model_usd: Amount = Decimal("0.05")
    incident_share: Annotated[Amount, Field(le=1)] = Decimal("0.02")
    incident_minutes: Amount = Decimal(30)
    assumed: frozenset[Question] = frozenset(QUESTIONS)
    """Those that nobody has answered: what stands there is an assumption."""

    def of(self, question: Question) -> Decimal:
        value: Decimal = getattr(self, question)
        return value

    def scaled(self, question: Question, by: Decimal) -> Answers:
        """The same with one of them so many times as large; a share stays one."""
        value = self.of(question) * by
        return self.model_copy(update={question: min(value, Decimal(1)) if question == "incident_share" else value})


def answered(before: Answers, given: Mapping[Question, Decimal]) -> Answers:
    """`before` with what a person has said; raises pydantic's ValidationError where that cannot be."""
    facts: dict[str, Any] = {**before.model_dump(), "assumed": before.assumed - given.keys()}
    facts.update((question, value) for question, value in given.items())
    return Answers.model_validate(facts)
