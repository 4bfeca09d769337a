"""Monitoring: what does a check know besides the world? The run's effects, and how things were when it began."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from midwatch.contract import Finding
from midwatch.errors import MidwatchError
from midwatch.ledger import EffectRow


class CannotLook(MidwatchError):
    """A check could not look; says why."""


async def no_effects() -> Sequence[EffectRow]:
    """Of something that is no run."""
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known of one run."""

    effects: Callable[[], Awaitable[Sequence[EffectRow]]] = no_effects
    before: Mapping[str, Any] = field(default_factory=dict)
    """By a check's place in the contract (`done_when/2`): what it wrote down when the run began, as JSON."""

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
