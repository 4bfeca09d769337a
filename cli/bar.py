"""How is a limit drawn, in whatever table it stands? One bar, of as many cells as there is room for."""

from __future__ import annotations

from rich.text import Text

from midwatch.budget import WARN_AT, Meter


def bar(meter: Meter, cells: int) -> Text:
    """How much is used: green, yellow from the last fifth on; red, and full only then, where nothing is left."""
    full = min(int(cells * meter.used / meter.allowed), cells)
    near = meter.used >= WARN_AT * meter.allowed
    colour = "red" if meter.left <= 0 else "yellow" if near else "green"
    return Text.assemble(("█" * full, colour), ("░" * (cells - full), "dim"))
