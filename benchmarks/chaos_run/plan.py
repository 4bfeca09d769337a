"""Chaos: which runs are made? One for every boundary of every kind of run; then pairs of kills, doubts, and chance in turn.

Run N of a seed is always the same one, so that a fault can be looked at alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from benchmarks.chaos_run.scenario import ALONE, DOORS, EVERYTHING, QUESTION, Said, Scenario, Turn
from benchmarks.chaos_run.trial import Kill, Trial

LONGEST_LIFE: Final = 0.25
"""Seconds, about; a kill by the clock comes at any time until then."""
MOST_KILLS: Final = 4
POSTING: Final = ("post: before", "post: after")
GIVING_UP: Final = (
    "mark_unknown: before",
    "mark_unknown: UPDATE effects SET",
    "mark_unknown: INSERT INTO asks",
    "mark_unknown: committed",
    "contract: before",
    "contract: after",
    "finish_run: before",
    "finish_run: UPDATE runs SET",
    "finish_run: committed",
    "tell: before",
)
"""Boundaries of a life that ends because nobody can tell what happened."""
Killed = tuple[Scenario, Sequence[Kill]]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The trials of a seed, by number from 0 on."""

    seed: int
    scenarios: Sequence[Scenario]
    crossed: Mapping[str, Sequence[int]]
    """By scenario: how many boundaries each life of an undisturbed run crosses."""

    def trial(self, number: int) -> Trial:
        """The trial of this number."""
        if number < len(self.singles):
            scenario, kills = self.singles[number]
            answers_the_dead = bool(number % 2)
        else:
            chance = random.Random(f"{self.seed} {number}")
            scenario, kills = (self._pair, self._doubt, self._by_chance)[number % 3](chance)
            answers_the_dead = chance.random() < 0.5
        return Trial(number=number, seed=self.seed, scenario=scenario, kills=kills, answers_the_dead=answers_the_dead)

    @cached_property
    def singles(self) -> list[Killed]:
        """One kill at each boundary, in an order that is a fair sample wherever it is cut off."""
        each: list[Killed] = [
            (scenario, (*[Kill()] * life, Kill(boundary=boundary)))
            for scenario in self.scenarios
            for life, crossed in enumerate(self.crossed[scenario.name])
            for boundary in range(1, crossed + 1)
        ]
        random.Random(self.seed).shuffle(each)
        return each

    def _pair(self, chance: random.Random) -> Killed:
        """A life is killed anywhere, and the next one, too."""
        scenario = chance.choice(self.scenarios)
        lives = self.crossed[scenario.name]
        first = chance.randrange(len(lives))
        at = [Kill(boundary=chance.randint(1, crossed)) for crossed in (lives[first], max(lives))]
        return scenario, (*[Kill()] * first, *at)

    def _doubt(self, chance: random.Random) -> Killed:
        """A letter is on its way when the run is killed; then it is killed while it gives up, once or twice."""
        scenario = chance.choice(
            [one for one in self.scenarios if any(call.tool == "post" for call in one.all_calls())]
        )
        before = chance.choice([0, len(self.crossed[scenario.name]) - 1])
        at = [chance.choice(POSTING), *(chance.choice(GIVING_UP) for _ in range(chance.randint(1, 2)))]
        return scenario, (*[Kill()] * before, *(Kill(boundary=where) for where in at))

    def _by_chance(self, chance: random.Random) -> Killed:
        """Any turns in any order, killed any number of times, at boundaries and by the clock."""
        lives = [crossed for each in self.crossed.values() for crossed in each]
        kills = [
            Kill(seconds=chance.uniform(0, LONGEST_LIFE))
            if chance.random() < 0.3
            else Kill(boundary=chance.randint(1, chance.choice(lives)))
            for _ in range(chance.randint(0, MOST_KILLS))
        ]
        return any_scenario(chance), kills


def any_scenario(chance: random.Random) -> Scenario:
    """A kind of run that nobody thought of."""
    answers: Sequence[Said] = ["approved", "approved", "denied", "edited", "silence"]
    return replace(
        Scenario(name="by chance", turns=tuple(_turns(chance))),
        said=chance.choice(answers),
        door=chance.choice(DOORS),
        needed=frozenset(tool for tool in ("burn", "order") if chance.random() < 0.2),
        own_ids=chance.random() < 0.5,
        items=chance.choice([ALONE, ALONE, ("boxes/a", "boxes/b")]),
    )


def _turns(chance: random.Random) -> Iterator[Turn]:
    """Everything, shuffled, in turns of one to four calls."""
    calls = [call for turn in EVERYTHING for call in turn] + [QUESTION] * chance.randint(0, 1)
    chance.shuffle(calls)
    while calls:
        size = chance.choice([1, 1, 1, 2, 2, 3, 4])
        yield tuple(calls[:size])
        del calls[:size]
