"""The ladder: may this be proposed, and if not, what is missing, what would supply it, and how long will that take?"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, exp
from typing import Final

from midwatch.ladder.eprocess import bound, log_e, needed
from midwatch.ladder.evidence import Evidence
from midwatch.ladder.sensitivity import Sensitivity
from midwatch.ladder.thresholds import MIN_DAYS, MIN_INPUTS, p0_of
from midwatch.risk import Risk

YEAR: Final = 365
_LARGEST: Final = 700.0
"""exp of more is no float."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What the evidence says of one class, or of an agent's runs."""

    ready: bool
    """A promotion may be proposed; a person promotes."""
    log_e: float
    """Natural logarithm of E at `tested`; 0 where nothing is tested."""
    needed: int | None
    """Further clean actions until E is enough; None: no number of them is."""
    bound: float
    """Mean severity is below this with 95 % confidence, after division by d; 1: nothing is known."""
    sensitivity: Sensitivity
    p0: float | None
    """What must be ruled out; None: no evidence is enough."""
    missing: tuple[str, ...]
    """Each says what is missing and what would supply it; empty when ready."""
    too_slow: str
    """Why it cannot be there within a year, and what could help; "" where it can, or nobody can tell yet."""

    @property
    def e(self) -> float:
        return exp(min(self.log_e, _LARGEST))

    @property
    def tested(self) -> float | None:
        """d × p0: the rate of what is *found* that must be ruled out; None where nothing can be."""
        return self.p0 * self.sensitivity.d if self.p0 and self.sensitivity.d else None


def judge(evidence: Evidence, risk: Risk, sensitivity: Sensitivity) -> Verdict:
    """Of a class whose tool has this risk."""
    missing = () if p0_of(risk) is not None else (_never(risk),)
    return weigh(evidence, p0_of(risk), sensitivity, missing, unit="action", min_inputs=MIN_INPUTS)


def weigh(
    evidence: Evidence,
    p0: float | None,
    sensitivity: Sensitivity,
    missing: tuple[str, ...],
    *,
    unit: str,
    min_inputs: int,
) -> Verdict:
    """Of anything with such evidence; what is in `missing` is missing besides."""
    d = sensitivity.d
    tested = p0 * d if p0 and d else None
    more = needed(evidence.climbs, tested) if tested else None
    if not d:
        missing += (_blind(sensitivity),)
    missing += tuple(_short(evidence, more, unit, min_inputs))
    return Verdict(
        ready=not missing,
        log_e=log_e(evidence.climbs, tested) if tested else 0.0,
        needed=more,
        bound=min(1.0, bound(evidence.climbs) / d) if d else 1.0,
        sensitivity=sensitivity,
        p0=p0,
        missing=missing,
        too_slow=_too_slow(evidence, more, sensitivity, unit),
    )


def _never(risk: Risk) -> str:
    return f"{risk} is never allowed on evidence alone: only a person can, with a reason and until a date"


def _blind(sensitivity: Sensitivity) -> str:
    return (
        f"reviewers caught none of {sensitivity.tests} planted tests, so what they let pass shows nothing: "
        "somebody who looks first, and more tests that say so"
    )


def _short(evidence: Evidence, more: int | None, unit: str, min_inputs: int) -> Iterator[str]:
    if more:
        waiting = f"; {evidence.unripe:,} that are done wait for their window" if evidence.unripe else ""
        yield f"{_count(more, f'more clean {unit}')}{_forecast(evidence, more)}{waiting}"
    if evidence.days < MIN_DAYS:
        yield f"clean {unit}s on {_count(MIN_DAYS - evidence.days, 'more day')}: {evidence.days} of {MIN_DAYS} so far"
    if evidence.inputs < min_inputs:
        yield (
            f"clean {unit}s with {_count(min_inputs - evidence.inputs, 'more distinct input')}: "
            f"{evidence.inputs} of {min_inputs} so far"
        )


def _forecast(evidence: Evidence, more: int) -> str:
    return f": at {evidence.per_day:.3g} a day {_count(_days(evidence, more), 'day')}" if evidence.per_day else ""


def _too_slow(evidence: Evidence, more: int | None, sensitivity: Sensitivity, unit: str) -> str:
    if not more or evidence.since is None:
        return ""
    if not evidence.per_day:
        return f"no clean {unit} in the last 30 days: so it never gets there; {_help(sensitivity, unit)}"
    days = _days(evidence, more)
    if days <= YEAR:
        return ""
    years = f"{days / YEAR:.1f} years"
    return f"at {evidence.per_day:.3g} a day {more:,} more clean {unit}s take {years}; {_help(sensitivity, unit)}"


def _help(sensitivity: Sensitivity, unit: str) -> str:
    """What could get there sooner."""
    if unit != "action":
        return "what could help: a schedule with more runs, or one agent where several do alike work"
    tests = (
        f"planted tests that reviewers catch (they count as seeing {sensitivity.d:.0%}), " if sensitivity.d < 1 else ""
    )
    return f"what could help: {tests}one rule for classes that are alike, or a narrower class of lower risk"


def _days(evidence: Evidence, more: int) -> int:
    return ceil(more / evidence.per_day)


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
