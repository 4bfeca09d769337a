"""Worth: does the agent pay, and does it need the person it is to do without? One verdict with its reasons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from midwatch.precision import wilson
from midwatch.worth.answers import Answers
from midwatch.worth.balance import Balance, Basis, balance_of
from midwatch.worth.history import LAST, MIN_RUNS, MIN_SPAN, History
from midwatch.worth.profile import Profile
from midwatch.worth.sequence import Invariant, invariant_of

Verdict = Literal["keep", "lower", "plain_script", "retire"]
"""keep          it pays, and nothing says that it needs a person more than it has one
lower         level 3 at most: it pays with a person who looks at every run, and should not go without
plain_script  it does the same every time: a script does it without a model
retire        at no level does it save what it costs
"""

Reliable = Literal["yes", "no", "unknown"]

JUDGED: Final = 0.10
"""Changed by a person in more runs than this share, by the lower bound: it needs the person."""
GREEN: Final = 0.90
"""Verified in less of its runs at level 3 than this share, by the upper bound: it is not reliable there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Worth:
    verdict: Verdict
    basis: Basis
    reasons: tuple[str, ...]
    """In words, what decides first."""
    balance: Balance
    reliable: Reliable
    outside: Decimal | None
    """Share of its runs, or of its schedule's slots, outside working hours."""
    sequence: Invariant | str
    """What the last runs all did, or why there is no such thing."""

    @property
    def positive(self) -> bool:
        """As level 5 needs it: keep, by what was measured."""
        return self.verdict == "keep" and self.basis == "ledger"


def verdict_of(answers: Answers, profile: Profile, history: History | None = None, *, last: int = LAST) -> Worth:
    """Is its autonomy worth it?

    Args:
        history: what the ledger knows; where that is too little, the answers count alone.
        last: so many verified runs that did the same call for a script.
    """
    measured = history if history is not None and history.is_enough else None
    balance = balance_of(answers, measured)
    sequence = invariant_of(history.last, at_least=last) if history else "it has not run yet"
    doubts = [*_doubts(profile, measured)]
    verdict, because = _judged(balance, doubts, sequence, has_worked=measured is None or measured.pieces > 0)
    return Worth(
        verdict=verdict,
        basis="ledger" if measured else "answers",
        reasons=(because, *doubts, *_circumstances(profile, history, balance, sequence)),
        balance=balance,
        reliable=reliable(measured) if measured else "unknown",
        outside=measured.outside(profile.zone) if measured else profile.outside,
        sequence=sequence,
    )


def reliable(history: History) -> Reliable:
    """Whether its latest runs at level 3 came to a good end, as far as their number says."""
    if history.at_3 < MIN_RUNS:
        return "unknown"
    _, upper = wilson(history.green_at_3, history.at_3)
    return "no" if upper < GREEN else "yes"


def _judged(balance: Balance, doubts: list[str], sequence: Invariant | str, *, has_worked: bool) -> tuple[Verdict, str]:
    if not has_worked:
        return "retire", "nothing that it did was verified, so it saves nothing"
    if isinstance(sequence, Invariant) and balance.scripted >= 0:
        return "plain_script", f"its last {sequence.runs} verified runs made the same calls: a plain script does that"
    if doubts and balance.watched >= 0:
        gain = f"{usd(balance.watched)} a month with a person who looks at every run"
        return "lower", f"it is worth {gain}, and should not go without"
    if not doubts and balance.net >= 0:
        return "keep", f"it saves {usd(balance.net)} a month more than it costs"
    if not doubts and balance.unasked >= 0:
        return "keep", (
            f"asking costs more than it saves ({usd(-balance.net)} a month lost); what is never changed is better allowed, "
            f"and unasked it saves {usd(balance.unasked)}"
        )
    if balance.watched >= 0:
        return "lower", f"what goes wrong costs more than it saves; looked at, it saves {usd(balance.watched)} a month"
    if balance.net >= 0:
        return "retire", f"it needs a person at every run, and that loses {usd(-balance.watched)} a month"
    return "retire", f"it costs {usd(-balance.net)} a month more than it saves, and no level changes that"


def _doubts(profile: Profile, history: History | None) -> Iterator[str]:
    """What speaks against doing without a person."""
    if history is not None and wilson(history.changed, history.runs)[0] > JUDGED:
        yield (
            f"a person's judgment changed {history.changed} of {history.runs} runs ({share(history.changed, history.runs)})"
        )
    if history is not None and reliable(history) == "no":
        yield f"at level 3 only {history.green_at_3} of {history.at_3} runs came to a good end"
    if not profile.bounded:
        yield f"its failure is not bounded: {profile.bounds}"


def _circumstances(
    profile: Profile, history: History | None, balance: Balance, sequence: Invariant | str
) -> Iterator[str]:
    """What does not decide, and is good to know."""
    if history is None or not history.is_enough:
        yield f"too little history to measure ({_there(history)}): what is assumed decides"
    else:
        if history.changed / history.runs <= JUDGED:
            yield f"a person's judgment changed {history.changed} of {history.runs} runs"
        if reliable(history) == "unknown":
            yield f"whether it is reliable at level 3 is not known yet: {history.at_3} of {MIN_RUNS} runs there"
        if history.unpriced:
            yield f"the price of {history.unpriced} model requests is not known: it costs more than stated"
    if isinstance(sequence, Invariant) and not sequence.indifferent:
        yield "what it read was the same each time, too: nothing shows what it would do otherwise"
    if balance.even_runs is None:
        yield "a run costs more than it saves, so that no number of runs a month pays"
    undone = "all that it can do can be put back" if profile.reversible else "not all of it can be put back"
    yield f"worst class {profile.worst} ({', '.join(profile.worst_tools) or 'no tool'}): {undone}"
    if profile.bounded and not profile.reversible:
        yield f"its failure is bounded: {profile.bounds}"


def _there(history: History | None) -> str:
    if history is None or not history.runs:
        return "no run has ended yet"
    days = (history.until - history.since).days
    return f"{history.runs} runs have ended in {days} days; {MIN_RUNS} in {MIN_SPAN.days} days are enough"


def usd(amount: Decimal) -> str:
    """Whole cents."""
    return f"{amount:,.2f} US dollars"


def share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}".replace("%", " %")
