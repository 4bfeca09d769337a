"""Monitoring: a curve as one line of text, for a terminal and a message: how far is it to the threshold?"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_BARS: Final = "▁▂▃▄▅▆▇█"
REACHED: Final = "◆"
"""Where the threshold is reached."""


def sparkline(points: Sequence[float], threshold: float, *, width: int = 40) -> str:
    """The curve from 0 to `threshold`, the latest at the right; "" where there is none.

    Args:
        points: as many as there are; each column shows the last of its share.
    """
    if not points or threshold <= 0:
        return ""
    columns = min(width, len(points))
    shown = [points[(column + 1) * len(points) // columns - 1] for column in range(columns)]
    return "".join(_bar(point / threshold) for point in shown)


def _bar(share: float) -> str:
    if share >= 1:
        return REACHED
    return _BARS[max(0, min(len(_BARS) - 1, int(share * len(_BARS))))]
