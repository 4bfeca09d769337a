"""Worth: which assumption carries the verdict? Each one halved and doubled, with what would be said then."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from midwatch.worth.answers import MEASURED, QUESTIONS, Answers, Question
from midwatch.worth.history import History
from midwatch.worth.profile import Profile
from midwatch.worth.verdict import Verdict, verdict_of

_HALF: Final = Decimal("0.5")
_TWICE: Final = Decimal(2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Swing:
    """One assumption and what it does."""

    question: Question
    value: Decimal
    as_is: Verdict
    halved: Verdict
    halved_net: Decimal
    doubled: Verdict
    doubled_net: Decimal

    @property
    def carries(self) -> bool:
        """Another verdict would follow from half or twice of it."""
        return {self.halved, self.doubled} != {self.as_is}


def sensitivity(answers: Answers, profile: Profile, history: History | None = None) -> list[Swing]:
    """One for each answer that enters; what the ledger has measured is no assumption."""
    measured = history is not None and history.is_enough
    as_is = verdict_of(answers, profile, history).verdict
    return [_swing(one, as_is, answers, profile, history) for one in QUESTIONS if not (measured and one in MEASURED)]


def _swing(question: Question, as_is: Verdict, answers: Answers, profile: Profile, history: History | None) -> Swing:
    half, twice = (verdict_of(answers.scaled(question, by), profile, history) for by in (_HALF, _TWICE))
    return Swing(
        question=question,
        value=answers.of(question),
        as_is=as_is,
        halved=half.verdict,
        halved_net=half.balance.net,
        doubled=twice.verdict,
        doubled_net=twice.balance.net,
    )
