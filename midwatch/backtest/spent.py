"""The backtest: what had a budget's window seen at that moment? Each call that would have run draws, as it did in life."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from midwatch.window import Draw, Window, exact_sum


@dataclass
class _Seen:
    """What was drawn from one window, and is not over yet."""

    draws: deque[tuple[datetime, Decimal]] = field(default_factory=deque)
    total: Decimal = Decimal(0)

    def until(self, at: datetime, window: Window) -> Decimal:
        while self.draws and self.draws[0][0] <= at - window.length:
            _, amount = self.draws.popleft()
            self.total = exact_sum((self.total, -amount))
        return self.total


@dataclass
class Windows:
    """Of every rule with a budget; times only go forward."""

    seen: dict[tuple[str, str], _Seen] = field(default_factory=lambda: defaultdict(_Seen))

    def spent(self, windows: Iterable[Window], at: datetime) -> Mapping[str, Decimal]:
        """By rule, what its window has seen until then."""
        return {window.rule: self.seen[window.rule, window.measure].until(at, window) for window in windows}

    def draw(self, taken: Iterable[Draw], at: datetime) -> None:
        """A call takes this."""
        for one in taken:
            seen = self.seen[one.window.rule, one.window.measure]
            seen.draws.append((at, one.amount))
            seen.total = exact_sum((seen.total, one.amount))
