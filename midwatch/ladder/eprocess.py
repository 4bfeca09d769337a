"""The ladder: how strong is the evidence that it rarely goes wrong? A test that holds however often one looks at it.

H0: the mean severity of an action is p0 or more. Each action multiplies E by 1 + L (p0 - x), where x in [0, 1] is its
severity and L = (p0 - p1) / (p0 (1 - p0)). That is a bet of the share L p0 of what one has, at odds that are fair to H0:
(1 - p1) / (1 - p0) for a clean action and p1 / p0 for a major error, so for x in {0, 1} it is the likelihood ratio of Wald's
sequential test (A. Wald, Ann. Math. Stat. 16, 1945), and for x between them the betting of I. Waudby-Smith and A. Ramdas
(JRSS B 86, 2024). While H0 is true, E is expected not to grow. So the chance that it ever reaches 1 / alpha is at most alpha:
Ville's inequality (J. Ville, 1939; G. Shafer and V. Vovk, 2019).

After a fall E is at most 1: wealth is thrown away, never made. E then stays below the product over all actions, which the
inequality is about, so alpha bounds a whole life, with all that is earned again in it.

Everything is in closed form from counts and in log space: a judgment costs as many steps as there were falls.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil, log, log1p
from typing import Final

from midwatch.ladder.thresholds import ALPHA, CLEAN, MAJOR, MINOR, RATIO

STEPS: Final = 60
"""Of a bisection: more than a float can tell apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """The actions of one climb: from one fall to the next."""

    clean: int = 0
    minor: int = 0
    major: int = 0


@dataclass(frozen=True, slots=True)
class Fall:
    """Among the severities of a curve: here the class was demoted for cause."""


def factor(severity: float, p0: float, p1: float | None = None) -> float:
    """What one action multiplies E by; `p1` is p0 / 10 if not given.

    Raises:
        ValueError: not 0 < p1 < p0 < 1.
    """
    return 1 + _stake(p0, p1) * (p0 - severity)


def log_e(climbs: Sequence[Tally], p0: float, p1: float | None = None) -> float:
    """Natural logarithm of E; the oldest climb first, a fall between any two.

    Raises:
        ValueError: not 0 < p1 < p0 < 1.
    """
    stake, total = _stake(p0, p1), 0.0
    for climb in climbs:
        total = min(total, 0.0) + _gain(climb, p0, stake)
    return total


def needed(climbs: Sequence[Tally], p0: float, *, alpha: float = ALPHA) -> int:
    """How many further clean actions bring E to 1 / alpha; 0: it is there."""
    short = -log(alpha) - log_e(climbs, p0)
    return max(0, ceil(short / log(factor(CLEAN, p0))))


def bound(climbs: Sequence[Tally], *, alpha: float = ALPHA, ratio: float = RATIO) -> float:
    """The mean severity is below this with confidence 1 - alpha, at all times together: the least p0 that is ruled out.

    E grows with p0 for whatever was seen, so bisection finds it; 1 where nothing is ruled out.
    """
    low, high = 0.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        enough = 0 < middle < 1 and log_e(climbs, middle, middle / ratio) >= -log(alpha)
        low, high = (low, middle) if enough else (middle, high)
    return high


def curve(severities: Iterable[float | Fall], p0: float) -> list[float]:
    """log E after each action and fall, in their order."""
    stake, total, points = _stake(p0, None), 0.0, []
    for one in severities:
        total = min(total, 0.0) if isinstance(one, Fall) else total + log1p(stake * (p0 - one))
        points.append(total)
    return points


def _gain(climb: Tally, p0: float, stake: float) -> float:
    counted = ((climb.clean, CLEAN), (climb.minor, MINOR), (climb.major, MAJOR))
    return sum(count * log1p(stake * (p0 - severity)) for count, severity in counted)


def _stake(p0: float, p1: float | None) -> float:
    """L: at most 1 / (1 - p0), so that E never reaches 0."""
    p1 = p0 / RATIO if p1 is None else p1
    if not 0 < p1 < p0 < 1:
        raise ValueError(f"p0 is {p0} and p1 {p1}: a test needs 0 < p1 < p0 < 1")
    return (p0 - p1) / (p0 * (1 - p0))
