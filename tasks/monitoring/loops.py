"""Monitoring: does it go round in circles? The same call, or the same cycle of calls, with the same results."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Final

from midwatch.loops import LONGEST, Repeats
from midwatch.monitors import LoopMonitor, MonitorName, Then
from tasks.monitoring.exchange import Exchange, Sight

TOLD: Final = 3
"""Calls of a cycle that are named; the others are counted."""


@dataclass(kw_only=True)
class LoopWatch:
    """Of one conversation. A call costs the same however many there were."""

    settings: LoopMonitor
    name: MonitorName = "loop"
    _row: Repeats = field(default_factory=Repeats)
    _last: deque[str] = field(default_factory=lambda: deque(maxlen=LONGEST))

    @property
    def then(self) -> Then:
        return self.settings.then

    @property
    def more_steps(self) -> int:
        return self.settings.more_steps

    def see(self, exchange: Exchange, turn: int) -> None:  # noqa: ARG002  # part of the surface
        """One turn more; what came back in it is part of what repeats itself, so that new information breaks a loop."""
        for call in exchange.calls:
            self._row.add(call.digest)
            self._last.append(call.said())

    async def sight(self, turn: int, *, told: bool) -> Sight | None:  # noqa: ARG002  # part of the surface
        """The same over and over: `repeats` times, and as often again where the model was told."""
        cycle = self._row.cycle()
        if cycle.times < self.settings.repeats * (2 if told else 1):
            return None
        calls = list(self._last)[-cycle.length :]
        more = f" and {len(calls) - TOLD} more" if len(calls) > TOLD else ""
        what = f"{', then '.join(f'`{call}`' for call in calls[:TOLD])}{more}"
        return Sight(
            told=f"You have made the same calls {cycle.times} times in a row, with the same results: {what}. "
            "Nothing new will come of it. Do something else, or finish and say what is left undone.",
            asked=f"repeats itself: {cycle.times} times in a row, with the same results, {what}",
        )
