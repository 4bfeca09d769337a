"""The figures of the ladder's test: false promotions, power, what a thousand clean actions show, and lives with falls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt
from random import Random
from typing import Final

from benchmarks.ladder.exact import Chances, by_evidence, in_a_row
from benchmarks.ladder.lives import ByEvidence, Climber, InARow, Move, Phase, life
from midwatch.ladder import ALPHA, Tally, needed

A_DAY: Final = 50
YEAR: Final = 365 * A_DAY
ROWS: Final = (20, 50, 1_000)
RATES: Final = (0.02, 0.005, 0.003)
"""p0: of what can be put back, of what goes out, and the rate at which a thousand in a row are wrong most visibly."""
SEEN: Final = 0.26
"""Share of bad actions that the reviewers see, where they miss most."""
THOUSAND: Final = 1_000
SIGMAS: Final = 4
"""By so many standard errors a drawn share may be off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """A chance, worked out and drawn."""

    exact: float
    drawn: float
    off: float
    """By so much the drawn one may be off: four standard errors of the exact one."""

    @property
    def agree(self) -> bool:
        return abs(self.exact - self.drawn) <= self.off


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One way to promote, held against one p0."""

    rule: str
    p0: float
    false_promotions: Share
    """Of classes that go wrong at p0: promoted within the year."""
    power: Share
    """Of those that go wrong at p0 / 10."""
    mean_actions: Share
    """Until then, of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thousand:
    """A thousand clean actions in a row, and none that is bad."""

    p0: float
    d: float
    ready: bool
    needed: int
    """In all."""
    more: int
    ignoring_d: float
    """Chance that a class which goes wrong at p0 is promoted within the year by a test that takes d for 1."""
    minding_d: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Lives:
    """Lives with falls, and with promotions after them."""

    rule: str
    p0: float
    ever: Share
    """Of those at p0 for the whole year, promoted at all."""
    promotions: float
    """Of these, in the mean of all lives."""
    again: float
    """Of those that earned it in a year at p0 / 10 and go on at p0 for another: promoted again after the first fall then."""
    counted: int
    """Lives that `again` is a share of."""


def lines(trials: int, chance: Random) -> list[Line]:
    """Each way to promote against each p0."""
    return [
        line for p0 in RATES for line in [*(_row(row, p0, trials, chance) for row in ROWS), _test(p0, trials, chance)]
    ]


def _row(row: int, p0: float, trials: int, chance: Random) -> Line:
    exact = [in_a_row(row, rate, YEAR) for rate in (p0, p0 / 10)]
    return _line(f"{row:,} in a row", p0, exact, lambda: InARow(length=row), trials, chance)


def _test(p0: float, trials: int, chance: Random) -> Line:
    exact = [by_evidence(p0, rate, YEAR) for rate in (p0, p0 / 10)]
    return _line("the e-process", p0, exact, lambda: ByEvidence(tested=p0), trials, chance)


def _line(
    rule: str, p0: float, exact: list[Chances], climber: Callable[[], Climber], trials: int, chance: Random
) -> Line:
    bad, good = (_firsts(climber, [(YEAR, rate)], trials, chance) for rate in (p0, p0 / 10))
    mean = sum(good) / max(1, len(good))
    off = SIGMAS * exact[1].deviation / sqrt(max(1, len(good)))
    return Line(
        rule=rule,
        p0=p0,
        false_promotions=_share(exact[0].ever, len(bad), trials),
        power=_share(exact[1].ever, len(good), trials),
        mean_actions=Share(exact=exact[1].mean, drawn=mean, off=off),
    )


def _share(exact: float, hits: int, trials: int) -> Share:
    # 1 / trials: of what is rarer than that, one may be drawn
    off = SIGMAS * sqrt(max(0.0, exact * (1 - exact)) / trials) + 1 / trials
    return Share(exact=exact, drawn=hits / trials, off=off)


def _firsts(climber: Callable[[], Climber], phases: list[Phase], trials: int, chance: Random) -> list[int]:
    """The action of the first promotion, of the lives that have one."""
    lived = (life(climber(), phases, chance, first=True) for _ in range(trials))
    return [moves[0][0] for moves in lived if moves]


def thousands() -> list[Thousand]:
    """What a thousand clean actions are worth, by p0 and by what reviewers see."""
    found = []
    for p0 in RATES[:2]:
        for d in (1.0, 0.5, SEEN):
            more = needed([Tally(clean=THOUSAND)], d * p0)
            found.append(
                Thousand(
                    p0=p0,
                    d=d,
                    ready=not more,
                    needed=needed([Tally()], d * p0),
                    more=more,
                    ignoring_d=by_evidence(p0, d * p0, YEAR).ever,
                    minding_d=by_evidence(d * p0, d * p0, YEAR).ever,
                )
            )
    return found


def lives(trials: int, chance: Random) -> list[Lives]:
    """The e-process and a thousand in a row, at each p0."""
    return [one for p0 in RATES for one in (_lives_by_row(p0, trials, chance), _lives_by_test(p0, trials, chance))]


def _lives_by_row(p0: float, trials: int, chance: Random) -> Lives:
    exact = in_a_row(THOUSAND, p0, YEAR)
    return _lives("1,000 in a row", p0, exact, lambda: InARow(length=THOUSAND), trials, chance)


def _lives_by_test(p0: float, trials: int, chance: Random) -> Lives:
    return _lives("the e-process", p0, by_evidence(p0, p0, YEAR), lambda: ByEvidence(tested=p0), trials, chance)


def _lives(rule: str, p0: float, exact: Chances, climber: Callable[[], Climber], trials: int, chance: Random) -> Lives:
    ups = [sum(move == "up" for _, move in life(climber(), [(YEAR, p0)], chance)) for _ in range(trials)]
    turned = [life(climber(), [(YEAR, p0 / 10), (YEAR, p0)], chance) for _ in range(trials)]
    fallen = [after for moves in turned if (after := _after_fall(moves)) is not None]
    return Lives(
        rule=rule,
        p0=p0,
        ever=_share(exact.ever, sum(map(bool, ups)), trials),
        promotions=sum(ups) / trials,
        again=sum(fallen) / max(1, len(fallen)),
        counted=len(fallen),
    )


def _after_fall(moves: list[tuple[int, Move]]) -> bool | None:
    """Whether it was promoted after its first fall in the second year; None: it did not fall then."""
    fell = next((at for at, move in moves if move == "fall" and at > YEAR), None)
    return None if fell is None else any(move == "up" and at > fell for at, move in moves)


def allowed(trials: int) -> float:
    """As large as this a share may be drawn whose chance is alpha."""
    return ALPHA + SIGMAS * sqrt(ALPHA * (1 - ALPHA) / max(1, trials))
