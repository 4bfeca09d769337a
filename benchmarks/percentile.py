"""How long does it take nineteen times of twenty? Said once, so that all figures mean the same."""

from __future__ import annotations

import statistics
from collections.abc import Sequence


def p95(values: Sequence[float]) -> float:
    """The 95th percentile of what was seen, between two values where it falls between them. At least two values."""
    return statistics.quantiles(values, n=20, method="inclusive")[-1]
