"""Monitoring: what does a check know besides the world? The run's effects, and how things were when it began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from midwatch.contract import Finding
from midwatch.errors import MidwatchError
from midwatch.ledger import EffectRow


class CannotLook(MidwatchError):
    """A check could not look; says why."""


Happened = Literal["yes", "perhaps", "no"]


class EffectsOf(Protocol):
    async def __call__(self, *, after: int, again: Collection[int]) -> Sequence[EffectRow]:
        """A run's effects, as `Ledger.effects_of` gives them."""
        ...


async def no_effects(*, after: int, again: Collection[int]) -> Sequence[EffectRow]:  # noqa: ARG001  # an `EffectsOf`
    """Of something that is no run."""
    return ()


@dataclass(slots=True, kw_only=True)
class Tally:
    """How far one check has counted a run's effects: one that is consumed stays so, and is counted once."""

    after: int = 0
    """The number of the last one that was looked at."""
    open: frozenset[int] = frozenset()
    """Those up to there that count and may still become something else."""
    counted: Counter[Happened] = field(default_factory=Counter)
    """Of those that may not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one run."""

    effects: EffectsOf = no_effects
    before: Mapping[str, Any] = field(default_factory=dict)
    """By a check's place in the contract (`done_when/2`): what it wrote down when the run began, as JSON."""
    tallies: dict[str, Tally] = field(default_factory=dict)
    """By a check's place, so that a look after each effect does not count all those before it again."""

    def was(self, place: str) -> Any:
        """What the check at `place` wrote down.

        Raises:
            CannotLook: it wrote nothing down, or could not look then.
        """
        if place not in self.before:
            raise CannotLook("nothing was written down when the run began, so nothing can be compared")
        was = self.before[place]
        if "fault" in was:
            raise CannotLook(f"it could not look when the run began: {was['fault']}")
        return was["seen"]


def blind(name: str, why: object) -> Finding:
    """The finding of a check that could not look."""
    return Finding(check=name, held=False, looked=False, detail=str(why)[:500])
